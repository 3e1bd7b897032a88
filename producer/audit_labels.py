"""The labels of an audit, as a person filled them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from producer.documents.formats.jsonl import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.mistakes import Mistakes
from producer.documents.opening import open_regular
from producer.documents.refusal import RefusedInputError
from producer.documents.row import BadRow
from producer.documents.sources import shown
from producer.documents.storable import value_problem
from routing.errors import InvalidFileError, Problem
from routing.label_check import LabelCheck, LabelProblem
from storage import audits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from producer.documents.row import Row
    from routing.json_value import JsonObject
    from routing.task import FrozenTask
    from storage.database import Database


def read_audit_labels(database: Database, task: FrozenTask, file: Path) -> tuple[dict[tuple[int, int], str], int]:
    """Return the label (a JSON text) of each item a file has one for, and how many lines are still empty.

    A line is `{custom_id, expected}`, with `job` where several jobs have such an item; other keys are ignored. Raises
    InvalidFileError with the first 100 mistakes: a broken line, an item nobody accepted, a label that does
    not fit the task, an item labelled twice.
    """
    name = shown(file)
    rows = _rows(file, name)
    known = audits.keys_of(database, task.name, [_custom_id(row) for row in rows if not isinstance(row, BadRow)])
    check = LabelCheck.of_task(task)
    labels: dict[tuple[int, int], JsonObject] = {}
    mistakes = Mistakes()
    for row in rows:
        problem = _take(row, known, check, labels)
        if problem:
            mistakes.add(name, row.line, problem)
    if problems := mistakes.problems():
        raise InvalidFileError(problems)
    filled = {
        key: orjson.dumps(expected, option=orjson.OPT_SORT_KEYS).decode()
        for key, expected in labels.items()
        if expected
    }
    return filled, len(labels) - len(filled)


def _rows(file: Path, name: str) -> list[Row | BadRow]:
    try:
        with open_regular(file, follow_link=True) as opened:
            return list(read_rows(opened, IntakeLimits()))
    except RefusedInputError as refused:
        raise InvalidFileError([Problem(name, 0, 0, refused.reason)]) from None


def _custom_id(row: Row) -> str:
    custom_id = row.value.get("custom_id") if isinstance(row.value, dict) else None
    return custom_id if isinstance(custom_id, str) else ""


def _take(
    row: Row | BadRow,
    known: Mapping[str, Mapping[str, tuple[int, int]]],
    check: LabelCheck,
    labels: dict[tuple[int, int], JsonObject],
) -> str | LabelProblem | None:
    """Add one line's label, and return what is wrong with it."""
    if isinstance(row, BadRow):
        return row.reason
    value = row.value if isinstance(row.value, dict) else {}
    custom_id, expected, job = value.get("custom_id"), value.get("expected"), value.get("job")
    if not isinstance(custom_id, str) or not isinstance(expected, dict):
        return "it is not an object with a string `custom_id` and an object `expected`"
    problem = check.problem(expected) or value_problem(expected)
    if problem:
        return problem
    key = _key(job, known.get(custom_id, {}))
    if key is None:
        where = "this task" if job is None else f"job {job!r}"
        return f"no item {custom_id!r} of {where} is done"
    if key in labels:
        return f"the item {custom_id!r} has a label above"
    labels[key] = expected
    return None


def _key(job: object, by_job: Mapping[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Return which item is meant: the newest of its name, unless a job is named; None where there is none."""
    if job is None:
        return list(by_job.values())[-1] if by_job else None
    return by_job.get(str(job))
