"""Reading what came out: items of a job in their order, streamed, and the whole trail of one item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from routing.errors import NotFoundError
from storage.decision_log import decisions_of
from storage.states import AttemptOutcome, FailReason, ItemState
from storage.tables import WITH_DOCUMENT, Attempt, DocumentRow, Item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from sqlalchemy import RowMapping

    from storage.database import Database
    from storage.records import DecisionRecord

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item as it stands. `output`, `failures` and `expected` are JSON texts; `in_flight` tells a live lease."""

    position: int
    custom_id: str
    state: ItemState
    fail_reason: FailReason | None
    tier: str
    in_flight: bool
    attempts: int
    cost_nano_usd: int
    baseline_nano_usd: int
    latency_ms: int
    needs_review: bool
    output: str | None
    failures: str | None
    expected: str | None
    finished_ms: int | None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """One call as it was written down; `failures` and `spans` are JSON texts."""

    uid: UUID
    tier: str
    model: str
    layer: str
    cause: str
    outcome: AttemptOutcome
    trouble: str | None
    started_ms: int
    gate_wait_ms: int
    limit_wait_ms: int
    provider_ms: int
    checks_ms: int
    http_calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    tokens_estimated: bool
    cost_nano_usd: int
    price_source: str
    finish_reason: str | None
    answer: str | None
    failures: str
    spans: str
    confidence: float | None
    repaired: bool
    queued_ms: int
    canary: bool
    holdout: bool
    cache_hit: bool
    saved_nano_usd: int


@dataclass(frozen=True, slots=True)
class Trail:
    """Everything known of one item: how it stands, its document, and its decisions and calls, each in their order."""

    item: ItemResult
    text: str
    metadata: str
    attempts: tuple[AttemptResult, ...]
    decisions: tuple[DecisionRecord, ...] = ()


_ITEM_COLUMNS = [
    *(col(getattr(Item, name)) for name in ItemResult.__dataclass_fields__ if name not in {"in_flight", "expected"}),
    col(Item.lease_token).is_not(None).label("in_flight"),
    col(DocumentRow.expected),
]
_ATTEMPT_COLUMNS = [col(getattr(Attempt, name)) for name in AttemptResult.__dataclass_fields__]


def items(
    database: Database, job_id: int, state: ItemState | None = None, after: int = 0, limit: int | None = None
) -> Iterator[ItemResult]:
    """Yield a job's items by position, beginning behind `after`, in pages: memory does not grow with the job."""
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        query = (
            select(*_ITEM_COLUMNS)
            .join(DocumentRow, WITH_DOCUMENT)
            .where(col(Item.job_id) == job_id, col(Item.position) > after)
            .order_by(col(Item.position))
            .limit(size)
        )
        if state is not None:
            query = query.where(col(Item.state) == state)
        with database.read() as connection:
            page = [_item(row) for row in connection.execute(query).mappings()]
        yield from page
        if len(page) < size:
            return
        after = page[-1].position
        left = None if left is None else left - len(page)


def labelled(database: Database, job_id: int) -> Iterator[tuple[str | None, str]]:
    """Yield the accepted output (None where the item failed) and the label of each ended item that has one.

    Both are JSON texts. In pages: memory does not grow with the job.
    """
    after = 0
    while True:
        query = (
            select(col(Item.position), col(Item.state), col(Item.output), col(DocumentRow.expected))
            .join(DocumentRow, WITH_DOCUMENT)
            .where(
                col(Item.job_id) == job_id,
                col(Item.position) > after,
                col(Item.state) != ItemState.QUEUED,
                col(DocumentRow.expected).is_not(None),
            )
            .order_by(col(Item.position))
            .limit(_PAGE)
        )
        with database.read() as connection:
            page = connection.execute(query).all()
        for _, state, output, expected in page:
            yield output if state == ItemState.DONE else None, expected or ""
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def trail(database: Database, job_id: int, reference: str) -> Trail:
    """Return everything known of one item, by its custom id or else its position. Raises NotFoundError."""
    query = (
        select(*_ITEM_COLUMNS, col(DocumentRow.text), col(DocumentRow.document_metadata).label("metadata"))
        .join(DocumentRow, WITH_DOCUMENT)
        .where(col(Item.job_id) == job_id)
    )
    with database.read() as connection:
        row = connection.execute(query.where(col(Item.custom_id) == reference)).mappings().first()
        if row is None and reference.isascii() and reference.isdecimal() and len(reference) < 16:  # noqa: PLR2004 - fits a BIGINT
            row = connection.execute(query.where(col(Item.position) == int(reference))).mappings().first()
        if row is None:
            raise NotFoundError(f"Job {job_id} has no item `{reference}`.", "`cheapfirst items JOB` lists them.")
        attempts = connection.execute(
            select(*_ATTEMPT_COLUMNS)
            .where(col(Attempt.job_id) == job_id, col(Attempt.position) == row["position"])
            .order_by(col(Attempt.started_ms), col(Attempt.uid))
        ).mappings()
        return Trail(
            _item(row),
            row["text"],
            row["metadata"],
            tuple(_attempt(attempt) for attempt in attempts),
            decisions_of(connection, job_id, row["position"]),
        )


def _item(row: RowMapping) -> ItemResult:
    values = {name: row[name] for name in ItemResult.__dataclass_fields__}
    values["state"] = ItemState(row["state"])
    values["fail_reason"] = FailReason(row["fail_reason"]) if row["fail_reason"] else None
    values["in_flight"] = bool(row["in_flight"])
    values["needs_review"] = bool(row["needs_review"])
    return ItemResult(**values)


def _attempt(row: RowMapping) -> AttemptResult:
    values = dict(row)
    values["outcome"] = AttemptOutcome(row["outcome"])
    return AttemptResult(**values)
