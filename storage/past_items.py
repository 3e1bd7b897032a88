"""What became of a task's documents, call by call: what plans and advice rest on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from routing.decision import Cause
from routing.deployment import AnswerSource
from storage.states import AttemptOutcome, FailReason, ItemState
from storage.tables import WITH_DOCUMENT, Attempt, DocumentRow, Item, Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from storage.database import Database

_PAGE = 500
_ANSWERED = (
    AttemptOutcome.ACCEPTED,
    AttemptOutcome.REJECTED,
    AttemptOutcome.PREDICTION,
    AttemptOutcome.OPINION,
)
_NOT_TRIED = (FailReason.BUDGET, FailReason.ABANDONED, FailReason.QUARANTINED, FailReason.PROMPT)
"""Ends that say nothing of what models make of a document."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """One call that was answered. `busy_ms` is how long it held its place in the gate, checks included."""

    tier: str
    model: str
    cause: str
    outcome: AttemptOutcome
    holdout: bool
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    busy_ms: int
    answered_by: AnswerSource = AnswerSource.PROVIDER

    @property
    def whole(self) -> bool:
        """Whether it asked a tier's own model for all fields, and was judged."""
        judged = self.outcome in (AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED)
        return judged and self.cause != Cause.FAILED_FIELDS


@dataclass(frozen=True, slots=True)
class PastItem:
    """A document that has ended: its length, the tier it ended in, how long it took, and its calls in order.

    `done` says that its answer was accepted, and not left for a person's look.
    """

    custom_id: str
    characters: int
    done: bool
    tier: str
    latency_ms: int
    calls: tuple[PastCall, ...]


def jobs_of_tasks(database: Database, names: Sequence[str], limit: int) -> list[tuple[int, str]]:
    """Return number and frozen task (a JSON text) of the newest jobs of these tasks, newest first."""
    query = (
        select(col(Job.id), col(Job.task))
        .where(col(Job.task_name).in_(names))
        .order_by(col(Job.id).desc())
        .limit(limit)
    )
    with database.read() as connection:
        return [(row.id or 0, row.task) for row in connection.execute(query)]


def past_items(database: Database, job_id: int) -> Iterator[PastItem]:
    """Yield the documents of a job that have ended, in its order.

    Left out are those that met a canary or the cache, or ended for want of money or of anybody who asks. Memory does
    not grow with the job.
    """
    after = 0
    while True:
        query = (
            select(
                col(Item.position),
                col(Item.custom_id),
                col(Item.state),
                col(Item.needs_review),
                col(Item.tier),
                col(Item.latency_ms),
                func.length(col(DocumentRow.text)).label("characters"),
            )
            .join(DocumentRow, WITH_DOCUMENT)
            .where(
                col(Item.job_id) == job_id,
                col(Item.position) > after,
                col(Item.state) != ItemState.QUEUED,
                col(Item.fail_reason).is_(None) | col(Item.fail_reason).not_in(_NOT_TRIED),
            )
            .order_by(col(Item.position))
            .limit(_PAGE)
        )
        with database.read() as connection:
            page = connection.execute(query).all()
            calls = _calls(connection, job_id, [row.position for row in page])
        for row in page:
            if found := calls.get(row.position):
                done = row.state == ItemState.DONE and not row.needs_review
                yield PastItem(row.custom_id, row.characters, done, row.tier, row.latency_ms, tuple(found))
        if len(page) < _PAGE:
            return
        after = page[-1].position


def _calls(connection: Connection, job_id: int, positions: Sequence[int]) -> dict[int, list[PastCall]]:
    """Return the answered calls of these items; of one that met a canary or the cache none."""
    rows = connection.execute(
        select(
            col(Attempt.position),
            col(Attempt.canary),
            col(Attempt.cache_hit),
            col(Attempt.tier),
            col(Attempt.model),
            col(Attempt.cause),
            col(Attempt.outcome),
            col(Attempt.holdout),
            col(Attempt.input_tokens),
            col(Attempt.output_tokens),
            col(Attempt.cached_input_tokens),
            (col(Attempt.provider_ms) + col(Attempt.checks_ms)).label("busy_ms"),
            col(Attempt.answered_by),
        )
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.position).in_(positions),
            col(Attempt.outcome).in_(_ANSWERED),
        )
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    )
    found: defaultdict[int, list[PastCall]] = defaultdict(list)
    unusual = set()
    for position, canary, cache_hit, tier, model, cause, outcome, *figures in rows:
        if canary or cache_hit:
            unusual.add(position)
        holdout, read, written, cached, busy_ms, source = figures
        answered_by = AnswerSource(source or AnswerSource.PROVIDER)
        told = (AttemptOutcome(outcome), bool(holdout), read, written, cached, busy_ms, answered_by)
        found[position].append(PastCall(tier, model, cause, *told))
    return {position: calls for position, calls in found.items() if position not in unusual}
