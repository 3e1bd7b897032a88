"""`advise`: whether to route at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal  # noqa: TC003 - typer reads annotations at run time
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import AsJson, DeploymentOption, usd
from routing.errors import UsageError

if TYPE_CHECKING:
    from evaluation.advice.case import Terms
    from producer.advising import LedgerEvidence


def advise(  # noqa: PLR0913 - each is an option of the command
    task: Annotated[Path | None, typer.Argument(metavar="[TASK]", help="The task's folder, or its task.yaml.")] = None,
    *,
    calls: Annotated[
        Path | None,
        typer.Option("--calls", help="Instead: a CSV of calls, with item, tier, cost_usd, passed and latency_ms."),
    ] = None,
    items_per_month: Annotated[
        float | None,
        typer.Option("--items-per-month", min=0, max=1e12, help="The volume; otherwise the ledger's last 30 days."),
    ] = None,
    engineering_usd: Annotated[
        Decimal | None,
        typer.Option("--engineering-usd", metavar="USD", parser=usd, help="What routing costs to build and keep."),
    ] = None,
    months: Annotated[
        float, typer.Option("--months", min=0, max=1200, help="Within how many months it has to pay.")
    ] = 12.0,
    latency_budget_ms: Annotated[
        int | None, typer.Option("--latency-budget-ms", min=0, help="What 95 % of the documents have to keep.")
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.5, max=0.999, help="How surely anything is told.")
    ] = 0.95,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Say whether to route at all: route, do not route, stay cheap, or not enough data.

    From this ledger's documents of a task that called as they would now, or from a file of calls made elsewhere. Each
    figure has an interval; nothing is called. Exit codes: 0 advice was given, whatever it is; 2 wrong usage or file; 3
    the ledger cannot be reached.
    """
    from evaluation.advice.case import Terms
    from producer.advising import told
    from producer.calls_file import read_calls
    from producer.cli.advice_view import advice_text

    if (task is None) == (calls is None):
        raise UsageError("Name TASK, or --calls FILE.")
    terms = Terms(items_per_month, months, float(engineering_usd or 0), latency_budget_ms, confidence)
    if calls is not None:
        found = told(read_calls(calls, latency_budget_ms), terms, None)
    else:
        assert task is not None
        evidence = _of_ledger(task, deployment, terms)
        if items_per_month is None:
            terms = replace(terms, items_per_month=evidence.items_per_month)
        found = told(evidence.case, terms, evidence)
    if as_json:
        print_json(found)
    else:
        print_text(advice_text(found))


def _of_ledger(task: Path, deployment: Path | None, terms: Terms) -> LedgerEvidence:
    from producer.advising import ledger_evidence
    from producer.ledger import open_ledger
    from producer.readiness import require_models
    from producer.rollouts import current
    from producer.run import place_for
    from producer.task_folder import load_task
    from workers.settings import read_settings

    frozen = load_task(task)
    place = place_for(read_settings(), deployment, task)
    require_models(place.deployment, frozen)
    if len(frozen.tiers) == 1:
        raise UsageError(f"Task `{frozen.name}` has one tier, so there is nothing to route.")
    with open_ledger(place.settings) as database:
        rollout = current(database, frozen)
        return ledger_evidence(database, frozen, rollout, place.deployment, terms)
