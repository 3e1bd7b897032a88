"""`calibrate`: from a quality target to thresholds, on labelled documents."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from producer.cli.ending import ExitCode
from producer.cli.evaluate import (
    ByOption,
    ConfidenceOption,
    LabelledArgument,
    MarginOption,
    require_ended,
)
from producer.cli.output import print_json, print_text
from producer.cli.parameters import (
    GREATEST_NUMBER,
    AsJson,
    BudgetOption,
    DeploymentOption,
    TaskArgument,
)
from routing.errors import UsageError

if TYPE_CHECKING:
    from routing.task import FrozenTask
    from storage.database import Database


def calibrate(  # noqa: PLR0913 - each is an option of the command
    task: TaskArgument,
    labels: Annotated[
        Path | None,
        typer.Argument(metavar="[LABELS]", help="Rows with `expected`, or lines that label DOCUMENTS."),
    ] = None,
    documents: LabelledArgument = None,
    *,
    margin: MarginOption = None,
    confidence: ConfidenceOption = None,
    by: ByOption = "",
    activate: Annotated[
        int | None,
        typer.Option(
            "--activate",
            min=1,
            max=GREATEST_NUMBER,
            metavar="VERSION",
            help="Let this version hold, and derive nothing.",
        ),
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Let what was active before hold.")] = False,
    list_versions: Annotated[bool, typer.Option("--list", help="List the versions, and derive nothing.")] = False,
    budget: BudgetOption = None,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Derive thresholds from a quality target.

    Labelled documents run through the first tier, with every signal measured, and through the last. Of the thresholds
    for confidence, agreement and the classifier, the cheapest is kept for which the target is shown. It changes nothing
    until it is activated; running jobs follow within 5 s. Ends with 5 where the target is shown for none.
    """
    from producer.calibrating import PATHS, keep_calibration, signals_of
    from producer.cli.calibration_view import calibration_text
    from producer.cli.run import sigterm_interrupts
    from producer.cli.trial_view import watching
    from producer.evaluating import ruler_of
    from producer.ledger import open_ledger
    from producer.run import place_for
    from producer.task_folder import load_task
    from producer.trials import LabelledSet, run_trials
    from workers.settings import read_settings

    if (labels is not None) + (activate is not None) + rollback + list_versions != 1:
        raise UsageError("Name LABELS, or one of --activate, --rollback and --list.")
    frozen = load_task(task)
    if labels is None:
        with open_ledger(read_settings()) as database:
            _versions(database, frozen, activate, rollback=rollback, as_json=as_json)
        return
    if len(frozen.tiers) == 1:
        raise UsageError(f"Task `{frozen.name}` has one tier, so there is nothing to send documents up to.")
    ruler = ruler_of(frozen, margin, confidence, by)
    place = place_for(read_settings(), deployment, task)
    with sigterm_interrupts(), open_ledger(place.settings, create=True) as database:
        signals = signals_of(database, frozen, place.deployment)
        with watching() as watcher:
            labelled = LabelledSet(labels, documents or ())
            ran = run_trials(database, place, frozen, labelled, PATHS, watcher, budget_usd=budget)
        require_ended(list(ran.values()))
        told = keep_calibration(database, frozen, signals, ran, ruler)
    if as_json:
        print_json(told)
    else:
        print_text(calibration_text(told))
    if told["everywhere"]["chosen"] is None:
        raise typer.Exit(ExitCode.GATE_FAILED)
    if not as_json:
        print_text(f"`cheapfirst calibrate TASK --activate {told['calibration']}` lets it hold.")


def _versions(database: Database, task: FrozenTask, activate: int | None, *, rollback: bool, as_json: bool) -> None:
    from producer import calibrating

    if activate is not None:
        calibrating.activate(database, task, activate)
        print_text(f"{task.name}: calibration {activate} holds. Running jobs follow within 5 s.")
    elif rollback:
        before = calibrating.roll_back(database, task)
        told = "the thresholds of the task file hold" if before is None else f"calibration {before} holds"
        print_text(f"{task.name}: {told}. Running jobs follow within 5 s.")
    else:
        _list(database, task, as_json=as_json)


def _list(database: Database, task: FrozenTask, *, as_json: bool) -> None:
    from producer.cli.calibration_view import line_of
    from producer.rollouts import current
    from storage import calibrations

    active = current(database, task).calibration
    versions = [
        {"calibration": one.version, "active": one.version == active, **json.loads(one.result)}
        for one in calibrations.listing(database, task.name)
    ]
    if as_json:
        print_json(versions)
    else:
        none = f"{task.name} has no calibration yet: `cheapfirst calibrate TASK LABELS` makes one."
        print_text("\n".join(map(line_of, versions)) or none)
