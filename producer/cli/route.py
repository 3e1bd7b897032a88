"""`route`: where documents would go, without any call."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_text, say, stdout
from producer.cli.parameters import (  # noqa: TC001 - typer reads annotations at run time
    AsJson,
    DeploymentOption,
    InputsArgument,
    TaskArgument,
)

if TYPE_CHECKING:
    from producer.route import Routed


def route(
    task: TaskArgument,
    inputs: InputsArgument,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Also show the facts each decision rests on.")] = False,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show where each document would go, and why, without any call.

    The rollout is the ledger's where somebody has changed it, else the task file's. With --json, a line a document.
    """
    from producer.deployment_file import deployment_for
    from producer.documents.refusal import Refusal
    from producer.json_text import json_line
    from producer.ledger import open_ledger
    from producer.rollouts import current
    from producer.route import route as routed
    from producer.task_folder import load_task
    from routing.price import PriceList
    from workers.active_classifier import active_classifier
    from workers.settings import read_settings

    settings = read_settings()
    frozen = load_task(task)
    _, spec = deployment_for(settings, deployment, task)
    with open_ledger(settings, create=True) as database:
        rollout = current(database, frozen)
        classifier = active_classifier(database, PriceList(spec.models), frozen, rollout)
    tiers: Counter[str] = Counter()
    refused = 0
    with stdout() as stream:
        for found in routed(frozen, rollout, classifier, spec.flags, inputs, time.time_ns() // 1_000_000):
            if isinstance(found, Refusal):
                refused += 1
                continue
            tiers[found.decision.tier] += 1
            stream.write(json_line(_row(found)) if as_json else f"{_line(found, explain=explain)}\n".encode())
    if not as_json:
        total = tiers.total() or 1
        counts = [f"{tier.name} {tiers[tier.name]} ({tiers[tier.name] / total:.0%})" for tier in frozen.tiers]
        print_text(f"{tiers.total()} documents: {', '.join(counts)}")
    if refused:
        say(f"{refused} inputs were refused; `cheapfirst submit` or `run` lists them with their reasons.")


def _row(routed: Routed) -> dict[str, object]:
    decision = routed.decision
    return {
        "custom_id": routed.custom_id,
        "tier": decision.tier,
        "model": routed.model,
        "layer": decision.layer,
        "cause": decision.cause,
        "rule": decision.rule,
        "probability": decision.probability,
        "threshold": decision.threshold,
        "threshold_source": decision.threshold_source,
        "version": decision.version,
        "canary": routed.is_canary,
        "holdout": routed.is_holdout,
        "asks_judge": routed.asks_judge,
        "signals": dict(decision.signals),
    }


def _line(routed: Routed, *, explain: bool) -> str:
    from producer.cli.printable import one_line

    decision = routed.decision
    parts = [f"{one_line(routed.custom_id, 60)}  {decision.tier}  {decision.layer}: {decision.cause}"]
    if decision.probability is not None:
        parts.append(f"{decision.probability:.2f} against {decision.threshold:.2f} ({decision.threshold_source})")
    if decision.rule:
        parts.append(f"rule {decision.rule}")
    marks = {"canary": routed.is_canary, "holdout": routed.is_holdout, "a judge would be asked": routed.asks_judge}
    parts += [mark for mark, holds in marks.items() if holds]
    if explain:
        parts += [routed.model, decision.version]
        parts += [f"{name}={one_line(str(value), 40)}" for name, value in decision.signals.items()]
    return "  ".join(parts)
