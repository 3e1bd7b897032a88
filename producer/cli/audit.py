"""`audit`: a person labels the answers that tell most."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from producer.cli.output import print_json, print_text, say, stdout
from producer.cli.parameters import AsJson, TaskArgument  # noqa: TC001 - typer reads annotations at run time
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from routing.task import FrozenTask
    from storage.database import Database


def audit(
    task: TaskArgument,
    *,
    count: Annotated[int, typer.Option("--n", min=2, max=10_000, help="How many answers to hand out.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new file for them; stdout where it is left out."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Take back the file, with `expected` filled in where it could be.")
    ] = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Write what has a label by now, as rows for `eval` and `calibrate`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hand accepted answers to a person to label, and take the labels back.

    One half are the most doubtful: models disagree, a check failed, low confidence, an unsure classifier. The other
    half is drawn at random, so that the share of all accepted answers that is wrong can be told, with an interval. Fill
    in `expected` of each line with what is right. docs/live-evidence.md.
    """
    from producer.ledger import open_ledger
    from producer.task_folder import load_task
    from workers.settings import read_settings

    if labels is not None and (labelled or output is not None):
        raise UsageError("--labels takes labels, and writes none.", "Leave --output and --labelled out.")
    frozen = load_task(task)
    with open_ledger(read_settings()) as database:
        if labels is not None:
            _take(database, frozen, labels, as_json=as_json)
        else:
            _write(database, frozen, count, output, labelled=labelled)


def _take(database: Database, task: FrozenTask, labels: Path, *, as_json: bool) -> None:
    from producer.auditing import audit_figures, take_labels
    from producer.evidence_lines import audit_line

    taken = take_labels(database, task, labels)
    figures = audit_figures(database, task)
    if as_json:
        print_json({"task": task.name, **asdict(taken), "audit": figures})
        return
    print_text(
        f"{task.name}: {taken.new} new labels, {taken.changed} changed, {taken.known} known already,"
        f" {taken.unfilled} lines still empty."
    )
    if figures is not None:
        print_text(audit_line(figures))


def _write(database: Database, task: FrozenTask, count: int, output: Path | None, *, labelled: bool) -> None:
    from producer.auditing import audit_rows, labelled_rows

    if output is not None and output.exists():
        raise UsageError(f"{output} is there already.", "Name a new file, so that no labels are lost.")
    rows = list(labelled_rows(database, task)) if labelled else audit_rows(database, task, count)
    if output is None:
        with stdout() as stream:
            stream.writelines(_lines(rows))
        return
    from producer.whole_file import whole_file

    with whole_file(output, "The audit") as stream:
        stream.writelines(_lines(rows))
    say(f"{len(rows)} rows are in {output}.")
    if not labelled:
        say(f"Fill in `expected`, then `cheapfirst audit TASK --labels {output}` takes it back.")


def _lines(rows: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    from producer.json_text import json_line

    return map(json_line, rows)
