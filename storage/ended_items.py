"""What came out of a job, a stretch of its positions at a time: for exports, where each column counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select
from sqlmodel import col

from storage.states import AttemptOutcome, ItemState
from storage.tables import Attempt, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from storage.database import Database

_STRETCH = 2000


class EndedItem(NamedTuple):
    """An item that is done or has failed. `output` is a JSON text."""

    position: int
    custom_id: str
    state: str
    fail_reason: str | None
    tier: str
    attempts: int
    cost_nano_usd: int
    latency_ms: int
    needs_review: bool
    output: str | None


class Judgement(NamedTuple):
    """One judged answer: the model that gave it, and why it was not accepted (`failures` is a JSON list)."""

    tier: str
    model: str
    failures: str


_ITEM_COLUMNS = [col(getattr(Item, name)) for name in EndedItem._fields]
_JUDGEMENT_COLUMNS = [col(getattr(Attempt, name)) for name in Judgement._fields]


def ended_items(database: Database, job_id: int) -> Iterator[tuple[EndedItem, list[Judgement]]]:
    """Yield the ended items of a job by position, each with its judged answers, oldest first.

    What only measured is left out of these. Memory does not grow with the job, however few of its items have ended.
    """
    with database.read() as connection:
        last = connection.scalar(select(func.max(col(Item.position))).where(col(Item.job_id) == job_id)) or 0
    none: list[Judgement] = []
    for first in range(1, last + 1, _STRETCH):
        with database.read() as connection:
            items = _items(connection, job_id, first)
            judgements = _judgements(connection, job_id, first) if items else {}
        for item in items:
            yield item, judgements.get(item[0], none)


def _items(connection: Connection, job_id: int, first: int) -> list[EndedItem]:
    rows = connection.execute(
        select(*_ITEM_COLUMNS)
        .where(
            col(Item.job_id) == job_id,
            col(Item.position).between(first, first + _STRETCH - 1),
            col(Item.state) != ItemState.QUEUED,
        )
        .order_by(col(Item.position))
    )
    return [EndedItem._make(row) for row in rows.all()]


def _judgements(connection: Connection, job_id: int, first: int) -> dict[int, list[Judgement]]:
    rows = connection.execute(
        select(col(Attempt.position), *_JUDGEMENT_COLUMNS)
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.position).between(first, first + _STRETCH - 1),
            col(Attempt.outcome).in_((AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED)),
            col(Attempt.holdout).is_(False),
        )
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    )
    found: dict[int, list[Judgement]] = {}
    for position, tier, model, failures in rows.all():
        judgement = Judgement(tier, model, failures)
        if position in found:
            found[position].append(judgement)
        else:
            found[position] = [judgement]
    return found
