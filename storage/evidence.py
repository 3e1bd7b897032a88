"""What the rows of a job tell of its quality, its saving and its course: for reports, reading every call of the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, select
from sqlmodel import col

from routing.decision import Cause, Layer
from routing.deployment import AnswerSource
from storage.router_tables import DecisionRow
from storage.states import AttemptOutcome, ItemState
from storage.tables import Attempt, Item, Job

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.orm import Mapped

    from storage.database import Database

_JUDGED = (AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED)


@dataclass(frozen=True, slots=True)
class HeldPair:
    """An item that was accepted below the last tier and measured on it.

    `output` is the accepted JSON text, `answer` the last tier's raw one. Costs and times are those of all its calls
    up to the accepted answer, and of the call that measured it. `ended_ms` is when that was written down. `answered_by`
    is what gave all of these answers, None where there were several.
    """

    custom_id: str
    output: str
    answer: str
    cost_nano_usd: int
    last_cost_nano_usd: int
    provider_ms: int
    last_provider_ms: int
    ended_ms: int = 0
    answered_by: AnswerSource | None = AnswerSource.PROVIDER


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a job's time: how many first answers a tier gave in it, and how many of them passed."""

    began_ms: int
    verdicts: int
    passed: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What a job's calls cost: those that only measured, and those of the last tier that did not."""

    measuring_nano_usd: int
    last_tier_nano_usd: int


def held_pairs(database: Database, job_id: int) -> list[HeldPair]:
    """Return the measured items of a job that have ended, in the order in which they did."""
    with database.read() as connection:
        return list(_held_pairs(connection, job_id))


def task_held_pairs(
    database: Database, task_name: str, limit: int, sources: Collection[AnswerSource]
) -> list[HeldPair]:
    """Return the same of the newest jobs of a task: as many whole jobs as hold no more than `limit`, one at least.

    Of their items those whose answers came from one of these sources alone: a recording is no evidence of live models.
    """
    found: list[HeldPair] = []
    with database.read() as connection:
        newest_first = select(col(Job.id)).where(col(Job.task_name) == task_name).order_by(col(Job.id).desc())
        for job_id in connection.scalars(newest_first).all():
            pairs = [pair for pair in _held_pairs(connection, job_id or 0) if pair.answered_by in sources]
            if found and len(found) + len(pairs) > limit:
                break
            found += pairs
    return sorted(found, key=lambda pair: pair.ended_ms)


def _held_pairs(connection: Connection, job_id: int) -> Iterator[HeldPair]:
    measured = (
        select(
            col(Attempt.position),
            col(Attempt.answer),
            col(Attempt.cost_nano_usd),
            col(Attempt.provider_ms),
        )
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.holdout),
            col(Attempt.outcome).in_(_JUDGED),
            col(Attempt.answer).is_not(None),
        )
        .subquery()
    )
    source = func.coalesce(col(Attempt.answered_by), AnswerSource.PROVIDER)
    own = case((col(Attempt.holdout), 0), else_=1)
    of_item = (col(Item.position), col(Item.custom_id), col(Item.output), col(Item.finished_ms))
    of_measuring = (measured.c.answer, measured.c.cost_nano_usd, measured.c.provider_ms)
    query = (
        select(
            *of_item,
            measured.c.answer,
            measured.c.cost_nano_usd.label("last_cost"),
            measured.c.provider_ms.label("last_ms"),
            func.sum(own * col(Attempt.cost_nano_usd)).label("cost"),
            func.sum(own * col(Attempt.provider_ms)).label("ms"),
            func.min(source).label("source"),
            func.max(source).label("other_source"),
        )
        .join(measured, col(Item.position) == measured.c.position)
        .join(Attempt, and_(col(Attempt.job_id) == col(Item.job_id), col(Attempt.position) == col(Item.position)))
        .where(col(Item.job_id) == job_id, col(Item.state) == ItemState.DONE, col(Item.output).is_not(None))
        .group_by(*of_item, *of_measuring)
        .order_by(col(Item.finished_ms), col(Item.position))
    )
    for row in connection.execute(query):
        yield HeldPair(
            custom_id=row.custom_id,
            output=row.output or "",
            answer=row.answer,
            cost_nano_usd=int(row.cost),
            last_cost_nano_usd=int(row.last_cost),
            provider_ms=int(row.ms),
            last_provider_ms=int(row.last_ms),
            ended_ms=int(row.finished_ms or 0),
            answered_by=AnswerSource(row.source) if row.source == row.other_source else None,
        )


def spent(database: Database, job_id: int, last_tier: str) -> Spent:
    """Return what measuring cost, and what the last tier's other calls did."""
    in_last = and_(col(Attempt.tier) == last_tier, col(Attempt.holdout).is_(False))
    cost = col(Attempt.cost_nano_usd)
    with database.read() as connection:
        measuring, last = connection.execute(
            select(
                func.coalesce(func.sum(case((col(Attempt.holdout), cost), else_=0)), 0),
                func.coalesce(func.sum(case((in_last, cost), else_=0)), 0),
            ).where(col(Attempt.job_id) == job_id)
        ).one()
    return Spent(int(measuring), int(last))


def over_time(database: Database, job_id: int, tier: str, stretches: int) -> list[Stretch]:
    """Return how a tier's first answers were judged over the time they were asked for, in equal stretches."""
    first = and_(
        col(Attempt.job_id) == job_id,
        col(Attempt.tier) == tier,
        col(Attempt.outcome).in_(_JUDGED),
        col(Attempt.cause) != Cause.REPAIR,
        col(Attempt.holdout).is_(False),
    )
    with database.read() as connection:
        began, ended = connection.execute(
            select(func.min(col(Attempt.started_ms)), func.max(col(Attempt.started_ms))).where(first)
        ).one()
        if began is None:
            return []
        width = (ended - began) // stretches + 1
        stretch = (col(Attempt.started_ms) - began) // width
        rows = connection.execute(
            select(
                stretch.label("stretch"),
                func.count().label("verdicts"),
                func.sum(case((col(Attempt.outcome) == AttemptOutcome.ACCEPTED, 1), else_=0)).label("passed"),
            )
            .where(first)
            .group_by(stretch)
            .order_by(stretch)
        ).all()
    return [Stretch(began + int(row.stretch) * width, int(row.verdicts), int(row.passed)) for row in rows]


def item_latencies(database: Database, job_id: int, bounds_ms: Sequence[int]) -> list[int]:
    """Return how many ended items took less than each bound and no less than the one before, then those beyond all."""
    bucket = _bucket(col(Item.latency_ms), bounds_ms)
    query = (
        select(bucket.label("bucket"), func.count().label("count"))
        .where(col(Item.job_id) == job_id, col(Item.finished_ms).is_not(None))
        .group_by(bucket)
    )
    counts = [0] * (len(bounds_ms) + 1)
    with database.read() as connection:
        for row in connection.execute(query):
            counts[row.bucket] = int(row[1])
    return counts


def call_latencies(database: Database, job_id: int, bounds_ms: Sequence[int]) -> dict[str, list[int]]:
    """Return the same of the exchanges with providers that were answered, by tier."""
    bucket = _bucket(col(Attempt.provider_ms), bounds_ms)
    query = (
        select(col(Attempt.tier), bucket.label("bucket"), func.count().label("count"))
        .where(col(Attempt.job_id) == job_id, col(Attempt.outcome).in_(_JUDGED), col(Attempt.cache_hit).is_(False))
        .group_by(col(Attempt.tier), bucket)
    )
    found: dict[str, list[int]] = {}
    with database.read() as connection:
        for tier, number, count in connection.execute(query):
            found.setdefault(tier, [0] * (len(bounds_ms) + 1))[number] = int(count)
    return found


def predictions(database: Database, job_id: int, first_tier: str) -> list[tuple[float, bool]]:
    """Return each probability a classifier gave to an item that then started cheap, and whether its answer passed."""
    query = (
        select(
            col(DecisionRow.position),
            col(DecisionRow.probability),
            func.max(case((col(Attempt.outcome) == AttemptOutcome.ACCEPTED, 1), else_=0)),
        )
        .join(
            Attempt,
            and_(col(Attempt.job_id) == col(DecisionRow.job_id), col(Attempt.position) == col(DecisionRow.position)),
        )
        .where(
            col(DecisionRow.job_id) == job_id,
            col(DecisionRow.layer) == Layer.CLASSIFIER,
            col(DecisionRow.tier) == first_tier,
            col(DecisionRow.probability).is_not(None),
            col(Attempt.tier) == first_tier,
            col(Attempt.outcome).in_(_JUDGED),
            col(Attempt.cause) != Cause.REPAIR,
            col(Attempt.holdout).is_(False),
        )
        .group_by(col(DecisionRow.position), col(DecisionRow.probability))
    )
    with database.read() as connection:
        return [(float(probability or 0), bool(passed)) for _, probability, passed in connection.execute(query)]


def _bucket(value: Mapped[int], bounds: Sequence[int]) -> ColumnElement[int]:
    return case(*((value < bound, number) for number, bound in enumerate(bounds)), else_=len(bounds))
