"""`train`: a task's classifier, learned from its own outcomes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import GREATEST_NUMBER, AsJson, TaskArgument
from routing.errors import UsageError

if TYPE_CHECKING:
    from evaluation.quality_threshold import Quality
    from evaluation.training import Metrics
    from routing.task import FrozenTask
    from storage.database import Database


def train(
    task: TaskArgument,
    *,
    activate: Annotated[
        int | None,
        typer.Option(
            "--activate",
            min=1,
            max=GREATEST_NUMBER,
            metavar="VERSION",
            help="Let this version decide, and train nothing.",
        ),
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Let the version before the active one decide.")] = False,
    list_versions: Annotated[bool, typer.Option("--list", help="List the versions, and train nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a classifier of whether the first tier passes.

    It learns from one half of the task's own outcomes and is measured on the other. It decides nothing until it is
    activated; running jobs follow within 5 s.
    """
    from producer.ledger import open_ledger
    from producer.task_folder import load_task
    from workers.settings import read_settings

    if (activate is not None) + rollback + list_versions > 1:
        raise UsageError("--activate, --rollback and --list are three different things.", "Choose one of them.")
    frozen = load_task(task)
    with open_ledger(read_settings()) as database:
        if activate is not None:
            _activate(database, frozen, activate)
        elif rollback:
            _roll_back(database, frozen)
        elif list_versions:
            _list(database, frozen, as_json=as_json)
        else:
            _train(database, frozen, as_json=as_json)


def _train(database: Database, task: FrozenTask, *, as_json: bool) -> None:
    from producer.training import train_classifier

    trained = train_classifier(database, task)
    if as_json:
        quality = None if trained.quality is None else trained.quality.as_json()
        print_json({"version": trained.version, **trained.metrics.as_json(), "quality": quality})
    else:
        print_text("\n".join([f"{task.name}: classifier {trained.version}", *_told(trained.metrics)]))
        if trained.quality is not None:
            print_text(_quality(trained.quality))
        print_text(f"`cheapfirst train TASK --activate {trained.version}` lets it decide.")


def _told(metrics: Metrics) -> list[str]:
    better = metrics.accuracy - metrics.majority
    verdict = (
        "as good as such classifiers are said to be (85 % right or more)"
        if metrics.reaches_target
        else "short of the 85 % such classifiers are said to reach"
        if better > 0
        else "no better than always saying the same: what decides is not in the text"
    )
    rows = (f"  {one.predicted:5.2f}  {one.observed:5.2f}  {one.count:6d}" for one in metrics.reliability)
    return [
        (
            f"trained on {metrics.trained_on} outcomes, measured on {metrics.tested_on} others,"
            f" of which {metrics.passed_share:.1%} passed"
        ),
        f"right: {metrics.accuracy:.1%}, {better:+.1%} against always saying the same; {verdict}",
        f"AUC {metrics.auc:.3f}, Brier {metrics.brier:.4f}",
        "  said   were   outcomes",
        *rows,
    ]


def _quality(quality: Quality) -> str:
    target = f"quality target (no more than {quality.margin:.1%} differ, {quality.confidence:.0%} sure)"
    found = f"{quality.pairs} documents the last tier measured as well, {quality.differing} of them differ"
    if quality.threshold is not None:
        return f"{target}: holds from a probability of {quality.threshold:.2f} on; {found}"
    if quality.needed > quality.pairs:
        return f"{target}: not shown, it takes {quality.needed} measured documents at least; {found}"
    return f"{target}: not shown at any threshold, so that cost alone decides; {found}"


def _activate(database: Database, task: FrozenTask, version: int) -> None:
    from producer.training import activate

    activate(database, task, version)
    print_text(f"{task.name}: classifier {version} decides. Running jobs follow within 5 s.")


def _roll_back(database: Database, task: FrozenTask) -> None:
    from producer.training import roll_back

    before = roll_back(database, task)
    told = "no classifier decides" if before is None else f"classifier {before} decides"
    print_text(f"{task.name}: {told}. Running jobs follow within 5 s.")


def _list(database: Database, task: FrozenTask, *, as_json: bool) -> None:
    from producer.rollouts import current
    from storage import classifiers

    active = current(database, task).classifier
    versions = [
        {"version": one.version, "active": one.version == active, **json.loads(one.metrics)}
        for one in classifiers.listing(database, task.name)
    ]
    if as_json:
        print_json(versions)
        return
    lines = [
        f"{one['version']:>4}{' *' if one['active'] else '  '} right {one['accuracy']:.1%}, AUC {one['auc']:.3f},"
        f" measured on {one['tested_on']}"
        for one in versions
    ]
    print_text("\n".join(lines) or f"{task.name} has no classifier yet: `cheapfirst train TASK` makes one.")
