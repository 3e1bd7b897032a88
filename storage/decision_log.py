"""The decision log of a job: every decision and every call, item by item, in the order they were made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from storage.records import AttemptRecord, DecisionRecord
from storage.router_tables import DecisionRow
from storage.states import AttemptOutcome, FailReason, ItemState
from storage.tables import Attempt, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, RowMapping

    from storage.database import Database

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class LoggedItem:
    """One item with its decisions and calls, each in their order, and how it has ended so far."""

    position: int
    custom_id: str
    state: ItemState
    fail_reason: FailReason | None
    needs_review: bool
    decisions: tuple[DecisionRecord, ...]
    attempts: tuple[AttemptRecord, ...]


def read(database: Database, job_id: int) -> Iterator[LoggedItem]:
    """Yield the items of a job by position, in pages: memory does not grow with the job."""
    after = 0
    while True:
        with database.read() as connection:
            items = connection.execute(
                select(
                    col(Item.position),
                    col(Item.custom_id),
                    col(Item.state),
                    col(Item.fail_reason),
                    col(Item.needs_review),
                )
                .where(col(Item.job_id) == job_id, col(Item.position) > after)
                .order_by(col(Item.position))
                .limit(_PAGE)
            ).all()
            if not items:
                return
            last = items[-1].position
            decisions = _decisions(connection, job_id, after, last)
            attempts = _attempts(connection, job_id, after, last)
        for item in items:
            yield LoggedItem(
                item.position,
                item.custom_id,
                ItemState(item.state),
                FailReason(item.fail_reason) if item.fail_reason else None,
                bool(item.needs_review),
                decisions.get(item.position, ()),
                attempts.get(item.position, ()),
            )
        after = last


def decisions_of(connection: Connection, job_id: int, position: int) -> tuple[DecisionRecord, ...]:
    """Return the decisions about one item, oldest first."""
    return _decisions(connection, job_id, position - 1, position).get(position, ())


def _decisions(connection: Connection, job_id: int, after: int, last: int) -> dict[int, tuple[DecisionRecord, ...]]:
    names = DecisionRecord._fields
    rows = connection.execute(
        select(col(DecisionRow.position), *(col(getattr(DecisionRow, name)) for name in names))
        .where(col(DecisionRow.job_id) == job_id, col(DecisionRow.position) > after, col(DecisionRow.position) <= last)
        .order_by(col(DecisionRow.position), col(DecisionRow.decided_ms), col(DecisionRow.uid))
    ).mappings()
    return {
        position: tuple(DecisionRecord(**{name: row[name] for name in names}) for row in group)
        for position, group in groupby(rows, key=_position)
    }


_KEPT_BACK = frozenset({"answer", "spans"})
"""What a log never holds: content, and where it stands in the document."""


def _attempts(connection: Connection, job_id: int, after: int, last: int) -> dict[int, tuple[AttemptRecord, ...]]:
    names = [name for name in AttemptRecord._fields if name not in _KEPT_BACK]
    rows = connection.execute(
        select(col(Attempt.position), *(col(getattr(Attempt, name)) for name in names))
        .where(col(Attempt.job_id) == job_id, col(Attempt.position) > after, col(Attempt.position) <= last)
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    ).mappings()
    return {position: tuple(_attempt(row, names) for row in group) for position, group in groupby(rows, key=_position)}


def _attempt(row: RowMapping, names: list[str]) -> AttemptRecord:
    values = {name: row[name] for name in names}
    return AttemptRecord(**values | {"outcome": AttemptOutcome(row["outcome"])})


def _position(row: RowMapping) -> int:
    position: int = row["position"]
    return position
