"""`eval`: a task measured on labelled documents, path by path, against its last tier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from producer.cli.default_command import DefaultCommandGroup
from producer.cli.ending import ExitCode, of_job
from producer.cli.output import print_json, print_text, say
from producer.cli.parameters import (
    GREATEST_NUMBER,
    AsJson,
    BudgetOption,
    DeploymentOption,
    TaskArgument,
)
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.trial import TrialPath
    from storage.jobs import JobRecord

app = typer.Typer(
    cls=DefaultCommandGroup,
    help="Measure a task on labelled documents: `cheapfirst eval TASK LABELS`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LabelsArgument: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="LABELS", help="Rows with `expected`; or, with documents named, lines that label them."),
]
LabelledArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DOCUMENTS]...", help="The documents, where the rows of LABELS do not bring them."),
]
MarginOption: TypeAlias = Annotated[
    float | None,
    typer.Option(min=0.0001, max=0.9999, help="What may be lost, as a share; otherwise the task's target, or 0.03."),
]
ConfidenceOption: TypeAlias = Annotated[
    float | None,
    typer.Option(min=0.5, max=0.9999, help="How sure to be; otherwise the task's target, or 0.95."),
]
ByOption: TypeAlias = Annotated[
    str, typer.Option("--by", metavar="FACT", help="A fact that parts documents: language, pages, metadata.NAME.")
]
FreshOption: TypeAlias = Annotated[
    bool, typer.Option("--fresh", help="Ask, and pay, again what was asked for the same before.")
]


@app.command("run")
def run(  # noqa: PLR0913 - each is an option of the command
    task: TaskArgument,
    labels: LabelsArgument,
    documents: LabelledArgument = None,
    *,
    paths: Annotated[
        str, typer.Option(help="Which of routed, expensive, cheap; the first is judged.")
    ] = "routed,expensive,cheap",
    margin: MarginOption = None,
    confidence: ConfidenceOption = None,
    by: ByOption = "",
    gate: Annotated[bool, typer.Option("--gate", help="End with 5 unless the first path is shown to be safe.")] = False,
    budget: BudgetOption = None,
    fresh: FreshOption = False,
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Run labelled documents through paths of a task, and compare them.

    Each path is a job like any other. What ran before with the same documents, task and models is not asked again. The
    first path is held against the last tier alone, document by document: safe, to be watched, too aggressive, or not
    enough data. `eval list`, `eval show N` and `eval compare A B` look at what was found.
    """
    from producer.cli.evaluation_view import evaluation_text
    from producer.cli.run import sigterm_interrupts
    from producer.cli.trial_view import watching
    from producer.evaluating import keep_evaluation, ruler_of
    from producer.ledger import open_ledger
    from producer.run import place_for
    from producer.task_folder import load_task
    from producer.trials import LabelledSet, run_trials
    from storage import evaluations
    from workers.settings import read_settings

    frozen, wanted = load_task(task), _paths(paths, gate=gate)
    if len(frozen.tiers) == 1:
        raise UsageError(f"Task `{frozen.name}` has one tier, so there is nothing to compare it with.")
    ruler = ruler_of(frozen, margin, confidence, by)
    place = place_for(read_settings(), deployment, task)
    with sigterm_interrupts(), open_ledger(place.settings, create=True) as database:
        turn = evaluations.newest(database) + 1 if fresh else 0
        with watching() as watcher:
            labelled = LabelledSet(labels, documents or ())
            ran = run_trials(database, place, frozen, labelled, wanted, watcher, budget_usd=budget, turn=turn)
        require_ended(list(ran.values()))
        told = keep_evaluation(database, frozen, ran, ruler)
    if as_json:
        print_json(told)
    else:
        print_text(evaluation_text(told))
    if gate and told["verdict"]["safety"] != "safe":
        raise typer.Exit(ExitCode.GATE_FAILED)


@app.command("list")
def list_evaluations(*, as_json: AsJson = False) -> None:
    """List the newest evaluations."""
    from producer.cli.evaluation_view import line_of
    from producer.ledger import open_ledger
    from storage import evaluations
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = [
            {"evaluation": one.id, "by": one.made_by, "at_ms": one.created_ms, **json.loads(one.result)}
            for one in evaluations.listing(database)
        ]
    if as_json:
        print_json(found)
    else:
        print_text("\n".join(map(line_of, found)) or "There is no evaluation yet: `cheapfirst eval TASK LABELS`.")


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(min=1, max=GREATEST_NUMBER, metavar="N", help="The evaluation's number.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show an evaluation again, as it was found."""
    from producer.cli.evaluation_view import evaluation_text
    from producer.ledger import open_ledger
    from storage import evaluations
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = evaluations.find(database, number)
    told: dict[str, Any] = {"evaluation": found.id, **json.loads(found.result)}
    if as_json:
        print_json(told)
    else:
        print_text(evaluation_text(told))


@app.command("compare")
def compare(
    before: Annotated[int, typer.Argument(min=1, max=GREATEST_NUMBER, metavar="A", help="The evaluation before.")],
    after: Annotated[
        int,
        typer.Argument(min=1, max=GREATEST_NUMBER, metavar="B", help="The evaluation after; its labels hold for both."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell what became better and worse from one evaluation to another, document by document."""
    from producer.cli.evaluation_view import comparison_text
    from producer.evaluating import compare_evaluations
    from producer.ledger import open_ledger
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        told = compare_evaluations(database, before, after)
    if as_json:
        print_json(told)
    else:
        print_text(comparison_text(told))


def require_ended(ran: Sequence[JobRecord]) -> None:
    """End the command as a run would where the last of these jobs has not come to its end."""
    from storage.states import JobState, StopReason

    last = ran[-1]
    if last.state is not JobState.DONE:
        detail = last.stop_detail or "the same command goes on where it stopped"
        if last.stop_reason is StopReason.BUDGET:
            detail += " The same command with a greater --budget goes on; without one, the old amount holds."
        say(f"{last.name} is {last.state}: {detail}")
        raise typer.Exit(of_job(last))


def _paths(text: str, *, gate: bool) -> list[TrialPath]:
    from routing.trial import TrialPath

    known = {path.value: path for path in (TrialPath.ROUTED, TrialPath.EXPENSIVE, TrialPath.CHEAP)}
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown or len(set(names)) < len(names):
        raise UsageError(f"--paths: `{text}` is not a list of {', '.join(known)}, each once.")
    if gate and (len(names) == 1 or TrialPath.EXPENSIVE not in names):
        raise UsageError("--gate holds a path against the last tier alone.", "Name it: --paths routed,expensive.")
    return [known[name] for name in names]
