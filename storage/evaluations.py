"""Evaluations of tasks on labelled documents, as they were found. Numbers count over all tasks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlmodel import col

from routing.errors import NotFoundError
from storage.clock import now_ms
from storage.evaluation_tables import EvaluationRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping

    from storage.database import Database


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """One evaluation: the number of the job behind each path, and what was found (a JSON text)."""

    id: int
    task_name: str
    jobs: Mapping[str, int]
    result: str
    made_by: str
    created_ms: int


_COLUMNS = [col(getattr(EvaluationRow, name)) for name in EvaluationRecord.__dataclass_fields__]


def add(database: Database, task_name: str, jobs: Mapping[str, int], result: str, made_by: str) -> int:
    """Keep an evaluation, and return its number."""
    with database.write() as connection:
        number = connection.scalar(
            insert(EvaluationRow)
            .values(
                task_name=task_name,
                jobs=json.dumps(dict(jobs)),
                result=result,
                made_by=made_by,
                created_ms=now_ms(),
            )
            .returning(col(EvaluationRow.id))
        )
    return int(number or 0)


def find(database: Database, number: int) -> EvaluationRecord:
    """Return the evaluation of this number. Raises NotFoundError."""
    with database.read() as connection:
        row = connection.execute(select(*_COLUMNS).where(col(EvaluationRow.id) == number)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no evaluation {number}.", "`cheapfirst eval list` lists them.")
    return _record(row)


def listing(database: Database, limit: int = 50) -> list[EvaluationRecord]:
    """Return the newest evaluations, newest first."""
    with database.read() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(col(EvaluationRow.id).desc()).limit(limit)).mappings()
        return [_record(row) for row in rows]


def newest(database: Database) -> int:
    """Return the greatest number so far, 0 before the first evaluation."""
    with database.read() as connection:
        number: int | None = connection.scalar(select(func.max(col(EvaluationRow.id))))
    return number or 0


def _record(row: RowMapping) -> EvaluationRecord:
    return EvaluationRecord(**{**row, "jobs": json.loads(row["jobs"])})
