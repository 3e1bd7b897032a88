"""What a trial of a task brought for each labelled document: outputs, signals, costs and times, in the job's order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from storage.states import AttemptOutcome, ItemState
from storage.tables import WITH_DOCUMENT, Attempt, DocumentRow, Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, RowMapping

    from storage.database import Database

_PAGE = 500


@dataclass(frozen=True, slots=True)
class TrialCall:
    """One call: which model was asked, what came of it, and what it cost or, from the cache, would have cost.

    `confidence` is what the confidence check measured.
    """

    model: str
    outcome: AttemptOutcome
    answer: str | None
    finish_reason: str | None
    confidence: float | None
    cost_nano_usd: int
    cache_hit: bool


@dataclass(frozen=True, slots=True)
class TrialItem:
    """One labelled document that has ended. `output`, `expected` and `metadata` are JSON texts.

    The output of one that failed is the best answer there was.
    """

    custom_id: str
    text: str
    pages: int | None
    metadata: str
    expected: str
    done: bool
    tier: str
    output: str | None
    latency_ms: int
    calls: tuple[TrialCall, ...]

    @property
    def cost_nano_usd(self) -> int:
        """What its calls cost, those that the cache answered at what they would have cost."""
        return sum(call.cost_nano_usd for call in self.calls)

    @property
    def from_cache(self) -> bool:
        """Whether a call was answered from the cache, so that the time it took tells nothing."""
        return any(call.cache_hit for call in self.calls)


_ITEM_COLUMNS = [
    *(col(getattr(Item, name)) for name in ("position", "custom_id", "state", "tier", "output", "latency_ms")),
    *(col(getattr(DocumentRow, name)) for name in ("text", "pages", "expected")),
    col(DocumentRow.document_metadata).label("metadata"),
]


def items(database: Database, job_id: int) -> Iterator[TrialItem]:
    """Yield the labelled documents of a job that have ended. Memory does not grow with the job."""
    after = 0
    while True:
        query = (
            select(*_ITEM_COLUMNS)
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
            page = connection.execute(query).mappings().all()
            calls = _calls(connection, job_id, [row["position"] for row in page])
        for row in page:
            yield _item(row, calls[row["position"]])
        if len(page) < _PAGE:
            return
        after = page[-1]["position"]


def _calls(connection: Connection, job_id: int, positions: Sequence[int]) -> dict[int, list[TrialCall]]:
    rows = connection.execute(
        select(
            col(Attempt.position),
            col(Attempt.model),
            col(Attempt.outcome),
            col(Attempt.answer),
            col(Attempt.finish_reason),
            col(Attempt.confidence),
            (col(Attempt.cost_nano_usd) + col(Attempt.saved_nano_usd)).label("cost"),
            col(Attempt.cache_hit),
        )
        .where(col(Attempt.job_id) == job_id, col(Attempt.position).in_(positions))
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    )
    found: defaultdict[int, list[TrialCall]] = defaultdict(list)
    for position, model, outcome, answer, finish_reason, confidence, cost, cache_hit in rows:
        found[position].append(
            TrialCall(
                model,
                AttemptOutcome(outcome),
                answer,
                finish_reason,
                confidence,
                cost,
                bool(cache_hit),
            )
        )
    return found


def _item(row: RowMapping, calls: Sequence[TrialCall]) -> TrialItem:
    return TrialItem(
        custom_id=row["custom_id"],
        text=row["text"],
        pages=row["pages"],
        metadata=row["metadata"],
        expected=row["expected"],
        done=row["state"] == ItemState.DONE,
        tier=row["tier"],
        output=row["output"],
        latency_ms=row["latency_ms"],
        calls=tuple(calls),
    )
