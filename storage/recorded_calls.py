"""Documents of a job with every call about them, answers included: what a recording is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from routing.decision import Cause
from storage.router_tables import DecisionRow
from storage.states import AttemptOutcome
from storage.tables import WITH_DOCUMENT, Attempt, DocumentRow, Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from storage.database import Database

_PAGE = 200
"""Documents and answers may be large."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call that was answered or refused. `fields` are those it was limited to; tokens are None where estimated."""

    model: str
    cause: str
    outcome: AttemptOutcome
    trouble: str | None
    finish_reason: str | None
    answer: str | None
    input_tokens: int | None
    output_tokens: int | None
    confidence: float | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CalledItem:
    """A document, what the user gave with it (JSON texts), and the calls about it in the order of time."""

    position: int
    custom_id: str
    text: str
    metadata: str
    expected: str | None
    pages: int | None
    calls: tuple[RecordedCall, ...]


def read(database: Database, job_id: int) -> Iterator[CalledItem]:
    """Yield the items of a job by position, in pages: memory does not grow with the job."""
    after = 0
    while True:
        query = (
            select(*_ITEM_COLUMNS)
            .join(DocumentRow, WITH_DOCUMENT)
            .where(col(Item.job_id) == job_id, col(Item.position) > after)
            .order_by(col(Item.position))
            .limit(_PAGE)
        )
        with database.read() as connection:
            page = connection.execute(query).all()
            if not page:
                return
            calls = _calls(connection, job_id, after, page[-1].position)
        for row in page:
            found = tuple(calls.get(row.position, ()))
            yield CalledItem(row.position, row.custom_id, row.text, row.metadata, row.expected, row.pages, found)
        after = page[-1].position


def _calls(connection: Connection, job_id: int, after: int, last: int) -> dict[int, list[RecordedCall]]:
    asked = _fields_asked(connection, job_id, after, last)
    rows = connection.execute(
        select(*(col(getattr(Attempt, name)) for name in _CALL_COLUMNS))
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.position) > after,
            col(Attempt.position) <= last,
            col(Attempt.outcome) != AttemptOutcome.PROVIDER_TROUBLE,
        )
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    ).mappings()
    found: defaultdict[int, list[RecordedCall]] = defaultdict(list)
    for row in rows:
        is_part = row["cause"] == Cause.FAILED_FIELDS
        found[row["position"]].append(
            RecordedCall(
                model=row["model"],
                cause=row["cause"],
                outcome=AttemptOutcome(row["outcome"]),
                trouble=row["trouble"],
                finish_reason=row["finish_reason"],
                answer=row["answer"],
                input_tokens=None if row["tokens_estimated"] else row["input_tokens"],
                output_tokens=None if row["tokens_estimated"] else row["output_tokens"],
                confidence=row["confidence"],
                fields=asked.get((row["position"], row["tier"]), ()) if is_part else (),
            )
        )
    return found


_ITEM_COLUMNS = [
    *(col(Item.position), col(Item.custom_id), col(DocumentRow.text)),
    *(col(DocumentRow.document_metadata).label("metadata"), col(DocumentRow.expected), col(DocumentRow.pages)),
]
_CALL_COLUMNS = (
    *("position", "tier", "model", "cause", "outcome", "trouble", "finish_reason", "answer"),
    *("input_tokens", "output_tokens", "tokens_estimated", "confidence"),
)


def _fields_asked(connection: Connection, job_id: int, after: int, last: int) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the fields that items were sent up for, by position and the tier they were sent to."""
    rows = connection.execute(
        select(col(DecisionRow.position), col(DecisionRow.tier), col(DecisionRow.signals))
        .where(
            col(DecisionRow.job_id) == job_id,
            col(DecisionRow.position) > after,
            col(DecisionRow.position) <= last,
            col(DecisionRow.cause) == Cause.FAILED_FIELDS,
        )
        .order_by(col(DecisionRow.decided_ms), col(DecisionRow.uid))
    )
    return {
        (position, tier): tuple(json.loads(signals).get("fields", "").split(",")) for position, tier, signals in rows
    }
