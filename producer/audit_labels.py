"""The labels of an audit, as a person filled them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from producer.documents.formats.jsonl import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.opening import open_regular
from producer.documents.refusal import RefusedInputError
from producer.documents.row import BadRow
from producer.documents.sources import shown
from producer.documents.storable import value_problem
from routing.errors import InvalidFileError, Problem
from routing.field_names import field_names
from routing.file_errors import nearest
from storage import audits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from producer.documents.row import Row
    from routing.task import FrozenTask
    from storage.database import Database

_MOST_PROBLEMS = 100
_ANY_FIELD = "*"


class _BadLabelError(Exception):
    """What is wrong with a line, and what may be meant."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.problem = (message, suggestion)


def read_audit_labels(database: Database, task: FrozenTask, file: Path) -> tuple[dict[tuple[int, int], str], int]:
    """Return the label (a JSON text) of each item a file has one for, and how many lines are still empty.

    A line is `{custom_id, expected}`, with `job` where several jobs have such an item; other keys are ignored. Raises
    InvalidFileError with the first 100 mistakes: a broken line, an item nobody accepted, a field the schema lacks, an
    item labelled twice.
    """
    name = shown(file)
    labels: dict[tuple[int, int], str] = {}
    problems: list[Problem] = []
    unfilled = 0
    rows = _rows(file, name)
    known = audits.keys_of(database, task.name, [_custom_id(row) for row in rows if not isinstance(row, BadRow)])
    fields = {path for path in field_names(task.output.json_schema) if "." not in path and "[" not in path}
    for row in rows:
        try:
            key, expected = _read(row, known, fields)
            if key in labels:
                raise _BadLabelError("this item has a label above")
        except _BadLabelError as error:
            problems.append(Problem(name, row.line or 0, 1, *error.problem))
            continue
        if expected:
            labels[key] = orjson.dumps(expected, option=orjson.OPT_SORT_KEYS).decode()
        else:
            unfilled += 1
    if problems:
        raise InvalidFileError(problems[:_MOST_PROBLEMS])
    return labels, unfilled


def _rows(file: Path, name: str) -> list[Row | BadRow]:
    try:
        with open_regular(file, follow_link=True) as opened:
            return list(read_rows(opened, IntakeLimits()))
    except RefusedInputError as refused:
        raise InvalidFileError([Problem(name, 0, 0, refused.reason)]) from None


def _custom_id(row: Row) -> str:
    custom_id = row.value.get("custom_id") if isinstance(row.value, dict) else None
    return custom_id if isinstance(custom_id, str) else ""


def _read(
    row: Row | BadRow, known: Mapping[str, Mapping[str, tuple[int, int]]], fields: set[str]
) -> tuple[tuple[int, int], dict[str, Any]]:
    if isinstance(row, BadRow):
        raise _BadLabelError(row.reason)
    value = row.value if isinstance(row.value, dict) else {}
    custom_id, expected = value.get("custom_id"), value.get("expected")
    if not isinstance(custom_id, str) or not isinstance(expected, dict):
        raise _BadLabelError("it is not an object with a string `custom_id` and an object `expected`")
    problem = value_problem(expected)
    if problem:
        raise _BadLabelError(problem)
    for field in expected:
        if field not in fields and _ANY_FIELD not in fields:
            raise _BadLabelError(f"the task's schema has no field {field!r}", nearest(field, fields))
    return _key(custom_id, value.get("job"), known.get(custom_id, {})), expected


def _key(custom_id: str, job: object, by_job: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Return which item is meant: the newest of its name, unless a job is named."""
    if not by_job or (job is not None and job not in by_job):
        where = "this task" if job is None else f"job {job!r}"
        raise _BadLabelError(f"no item {custom_id!r} of {where} is done")
    return by_job[str(job)] if job is not None else list(by_job.values())[-1]
