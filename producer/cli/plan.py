"""`plan`: what a job would take, before it is paid for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.evaluate import require_ended
from producer.cli.output import print_json, print_text, say
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    DeploymentOption,
    InputsArgument,
    TaskArgument,
)
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from producer.run import Place
    from producer.surveying import Seen
    from routing.task import FrozenTask
    from storage.database import Database


def plan(
    task: TaskArgument,
    inputs: InputsArgument,
    *,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="First pay for N of these documents, both ways.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the sample may be paid for.")] = False,
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.5, max=0.999, help="How surely each range holds.")
    ] = 0.95,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell documents, tokens, cost and time of a job as ranges, before anything is spent.

    Cheap only, routed as the rollout stands, and always the last tier: from what this ledger's own documents of the
    task took, or else upper bounds. Nothing is called, unless --sample asks for it: then so many documents run routed
    and on the last tier, once it is said what that costs at most and --yes or a person agrees. Exit codes: 0 it was
    planned; 2 wrong usage, no document, or a sample nobody agreed to; 1, 3, 4, 5 as `run`, where the sample stopped.
    """
    from producer.cli.plan_view import plan_text
    from producer.ledger import open_ledger
    from producer.planning import plan as planned
    from producer.readiness import require_models
    from producer.rollouts import current
    from producer.run import place_for
    from producer.surveying import Surveyor
    from producer.task_folder import load_task
    from routing.price import PriceList
    from workers.settings import read_settings

    if sample and "-" in inputs:
        raise UsageError("--sample reads the inputs twice, and standard input is read once.", "Name a file.")
    frozen = load_task(task)
    place = place_for(read_settings(), deployment, task)
    require_models(place.deployment, frozen)
    prices = PriceList(place.deployment.models)
    with open_ledger(place.settings, create=True) as database:
        rollout = current(database, frozen)
        seen = Surveyor(database, frozen, rollout, place.deployment, prices).survey(inputs, sample or 0)
        if sample:
            _pay_for_sample(database, place, frozen, inputs, seen, yes=yes)
        told = planned(database, frozen, rollout, place.deployment, prices, seen, confidence).as_json()
    if as_json:
        print_json(told)
    else:
        print_text(plan_text(told))


def _pay_for_sample(
    database: Database, place: Place, task: FrozenTask, inputs: Sequence[str], seen: Seen, *, yes: bool
) -> None:
    """Run the sample, once somebody agreed to its price. Raises UsageError where nobody does."""
    from producer.cli.run import sigterm_interrupts
    from producer.cli.trial_view import watching
    from producer.dollars import shown
    from producer.trials import NamedSet, run_trials
    from routing.money import NanoUsd, to_usd
    from routing.trial import TrialPath

    drawn = seen.draw.drawn()
    at_most = to_usd(NanoUsd(sum(drawn.values())))
    say(f"The sample is {len(drawn)} documents, run routed and on the last tier; it costs at most {shown(at_most)}.")
    if not yes:
        _require_agreement(at_most)
    paths = [TrialPath.ROUTED] if len(task.tiers) == 1 else [TrialPath.ROUTED, TrialPath.EXPENSIVE]
    with sigterm_interrupts(), watching() as watcher:
        documents = NamedSet(inputs, frozenset(drawn))
        ran = run_trials(database, place, task, documents, paths, watcher, budget_usd=at_most)
    require_ended(list(ran.values()))


def _require_agreement(at_most: Decimal) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody agreed to pay for the sample, so nothing was called.", "Add --yes.")
    if not typer.confirm("Pay for it?", err=True):
        raise UsageError(f"The sample of at most ${at_most:f} was declined, so nothing was called.")
