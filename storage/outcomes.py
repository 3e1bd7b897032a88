"""What became of the first call about each document: what a classifier learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from routing.completion import TokenUsage
from routing.decision import Cause
from storage.states import AttemptOutcome
from storage.tables import Attempt, DocumentRow, Item, Job, TierTally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.database import Database

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A document, whether the first answer about it passed, and the tokens of that call."""

    custom_id: str
    text: str
    pages: int | None
    passed: bool
    input_tokens: int
    output_tokens: int


def mean_usage(database: Database, task_name: str, tier: str) -> TokenUsage | None:
    """Return the mean tokens of a call in a tier, over all jobs of a task; None before the first call."""
    with database.read() as connection:
        calls, read, written = connection.execute(
            select(
                func.sum(col(TierTally.attempts)),
                func.sum(col(TierTally.input_tokens)),
                func.sum(col(TierTally.output_tokens)),
            )
            .join(Job, col(Job.id) == col(TierTally.job_id))
            .where(col(Job.task_name) == task_name, col(TierTally.tier) == tier)
        ).one()
    return TokenUsage(round(read / calls), round(written / calls)) if calls else None


@dataclass(frozen=True, slots=True)
class MeasuredPair:
    """A document whose accepted answer of the first tier was measured against the last tier's.

    `output` is the accepted JSON text, `answer` the last tier's raw one.
    """

    custom_id: str
    text: str
    pages: int | None
    output: str
    answer: str


def measured_pairs(database: Database, task_name: str, tier: str, limit: int) -> list[MeasuredPair]:
    """Return what a tier accepted and the last tier was asked as well (`holdout`), newest job first."""
    query = (
        select(
            col(Item.custom_id),
            col(DocumentRow.text),
            col(DocumentRow.pages),
            col(Item.output),
            col(Attempt.answer),
        )
        .join(Job, col(Job.id) == col(Attempt.job_id))
        .join(Item, (col(Item.job_id) == col(Attempt.job_id)) & (col(Item.position) == col(Attempt.position)))
        .join(
            DocumentRow,
            (col(DocumentRow.job_id) == col(Attempt.job_id)) & (col(DocumentRow.position) == col(Attempt.position)),
        )
        .where(
            col(Job.task_name) == task_name,
            col(Item.tier) == tier,
            col(Attempt.holdout),
            col(Attempt.outcome).in_({AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED}),
            col(Attempt.answer).is_not(None),
            col(Item.output).is_not(None),
        )
        .order_by(col(Job.id).desc(), col(Attempt.position))
        .limit(limit)
    )
    with database.read() as connection:
        return [
            MeasuredPair(row.custom_id, row.text, row.pages, row.output or "", row.answer or "")
            for row in connection.execute(query)
        ]


def first_outcomes(database: Database, task_name: str, tier: str, model: str, limit: int) -> Iterator[Outcome]:
    """Yield the outcomes of a model's first calls in a tier, over all jobs of a task, newest job first.

    Canaries, repairs and calls that only measured are left out. Memory does not grow with the ledger.
    """
    with database.read() as connection:
        job_ids = list(
            connection.scalars(select(col(Job.id)).where(col(Job.task_name) == task_name).order_by(col(Job.id).desc()))
        )
    left = limit
    for job_id in job_ids:
        after = 0
        while left > 0:
            page = _page(database, job_id or 0, tier, model, after)
            if not page:
                break
            after = page[-1][0]
            for _, outcome in page[:left]:
                yield outcome
            left -= len(page)


def _page(database: Database, job_id: int, tier: str, model: str, after: int) -> list[tuple[int, Outcome]]:
    query = (
        select(
            col(Attempt.position),
            col(Item.custom_id),
            col(DocumentRow.text),
            col(DocumentRow.pages),
            col(Attempt.outcome),
            col(Attempt.input_tokens),
            col(Attempt.output_tokens),
        )
        .join(Item, (col(Item.job_id) == col(Attempt.job_id)) & (col(Item.position) == col(Attempt.position)))
        .join(
            DocumentRow,
            (col(DocumentRow.job_id) == col(Attempt.job_id)) & (col(DocumentRow.position) == col(Attempt.position)),
        )
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.position) > after,
            col(Attempt.tier) == tier,
            col(Attempt.model) == model,
            col(Attempt.outcome).in_({AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED}),
            col(Attempt.cause).not_in({Cause.REPAIR, Cause.HOLDOUT}),
            col(Attempt.canary).is_(False),
            col(Attempt.cache_hit).is_(False),
        )
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
        .limit(_PAGE)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    first: dict[int, Outcome] = {}
    for position, custom_id, text, pages, outcome, input_tokens, output_tokens in rows:
        passed = outcome == AttemptOutcome.ACCEPTED
        first.setdefault(position, Outcome(custom_id, text, pages, passed, input_tokens, output_tokens))
    return list(first.items())
