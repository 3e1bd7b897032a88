"""How a job stands, from its counts alone: as fast for a hundred million items as for ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select
from sqlmodel import col

from storage.clock import now_ms
from storage.columns import unindexed
from storage.jobs import JobRecord, find
from storage.tables import Attempt, FailureTally, Item, TierTally

if TYPE_CHECKING:
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class TierProgress:
    """What one tier has done for a job. `queued` counts items that wait or are in flight there.

    Of what it `accepted`, `review` needs a person's look.
    """

    tier: str
    queued: int
    attempts: int
    accepted: int
    escalated: int
    failed: int
    routed: int
    review: int
    troubles: int
    cache_hits: int
    input_tokens: int
    output_tokens: int
    estimated_tokens: int
    cost_nano_usd: int


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How often a check failed on a field in a tier; `field` is empty where the whole output was meant."""

    tier: str
    check: str
    field: str
    count: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model a job called, where its price is from, and how many of its calls had their tokens estimated.

    `answered_by` is what answered in a provider's place, as the calls say, None where none of them does.
    """

    tier: str
    model: str
    price_source: str
    answered_by: str | None
    attempts: int
    estimated: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A job and its tiers, in the order of the ladder. `elapsed_ms` is the time since it was submitted, or took."""

    job: JobRecord
    tiers: tuple[TierProgress, ...]
    in_flight: int
    elapsed_ms: int


_TIER_COLUMNS = [col(getattr(TierTally, name)) for name in TierProgress.__dataclass_fields__]


def read(database: Database, reference: str) -> Progress:
    """Return how a job stands, by its name or number. Raises NotFoundError."""
    job = find(database, reference)
    with database.read() as connection:
        tiers = tuple(
            TierProgress(**row)
            for row in connection.execute(
                select(*_TIER_COLUMNS).where(col(TierTally.job_id) == job.id).order_by(col(TierTally.rank))
            ).mappings()
        )
        # The index of leased items holds what is in flight and nothing else.
        in_flight = connection.scalar(
            select(func.count()).where(col(Item.lease_token).is_not(None), unindexed(col(Item.job_id)) == job.id)
        )
        now = connection.scalar(select(now_ms()))
    return Progress(job, tiers, in_flight or 0, (job.finished_ms or now or 0) - job.created_ms)


def failures(database: Database, job_id: int) -> list[FailureCount]:
    """Return what failed in a job, most frequent first."""
    with database.read() as connection:
        rows = connection.execute(
            select(col(FailureTally.tier), col(FailureTally.check), col(FailureTally.field), col(FailureTally.count))
            .where(col(FailureTally.job_id) == job_id)
            .order_by(col(FailureTally.count).desc(), col(FailureTally.tier), col(FailureTally.check))
        ).mappings()
        return [FailureCount(**row) for row in rows]


def models(database: Database, job_id: int) -> list[ModelUse]:
    """Return the models a job called and was answered by. Reads every attempt: for reports, not for progress."""
    answered = (col(Attempt.job_id) == job_id, col(Attempt.price_source) != "")
    used = (col(Attempt.tier), col(Attempt.model), col(Attempt.price_source), col(Attempt.answered_by))
    with database.read() as connection:
        rows = connection.execute(
            select(
                *used,
                func.count().label("attempts"),
                func.sum(case((col(Attempt.tokens_estimated), 1), else_=0)).label("estimated"),
            )
            .where(*answered)
            .group_by(*used)
            .order_by(*used)
        ).mappings()
        return [ModelUse(**row) for row in rows]


def latency_ms(database: Database, job_id: int, quantile: float) -> int | None:
    """Return the latency below which this share of a job's ended items stayed, None where none has ended.

    Latency is the time from an item's turn at the gate to its verdict, added up over its tiers, without queueing.
    The nearest-rank quantile. Reads every ended item of the job: for reports, not for progress.
    """
    ended = (col(Item.job_id) == job_id, col(Item.finished_ms).is_not(None))
    with database.read() as connection:
        count = connection.scalar(select(func.count()).select_from(Item).where(*ended)) or 0
        if not count:
            return None
        rank = min(count - 1, max(0, round(quantile * count + 0.5) - 1))
        return connection.scalar(
            select(col(Item.latency_ms)).where(*ended).order_by(col(Item.latency_ms)).offset(rank).limit(1)
        )
