"""The first verdicts of a tier, a page of the input at a time, and no page before all of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import select
from sqlmodel import col

from routing.decision import Cause, Layer
from routing.deployment import AnswerSource
from routing.drift.signal import FirstVerdict
from routing.rollout import share_point
from storage.router_tables import DecisionRow
from storage.states import AttemptOutcome, ItemState
from storage.tables import Attempt, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.orm import Mapped

    from storage.database import Database


@dataclass(frozen=True, slots=True)
class VerdictPage:
    """First verdicts, and the position they reach to."""

    verdicts: tuple[FirstVerdict, ...]
    reached: int


def first_verdicts(database: Database, job_id: int, tier: str, *, after: int, since_ms: int, limit: int) -> VerdictPage:
    """Return what became of the first answers a tier gave about the next `limit` items behind a position.

    Calls before `since_ms`, canaries, repairs, measuring calls and answers from the cache or a recording are passed
    over: for the last two nothing was asked. There is no page before each of its items has been answered: it would
    begin with the quick ones. Its verdicts come shuffled, always in the same way: neighbours are often alike.
    """
    items = (
        select(col(Item.position), col(Item.state), col(Item.tier))
        .where(col(Item.job_id) == job_id, col(Item.position) > after)
        .order_by(col(Item.position))
        .limit(limit)
    )
    with database.read() as connection:
        page = connection.execute(items).all()
        if not page:
            return VerdictPage((), after)
        reached: int = page[-1].position
        within = (page[0].position, reached)
        calls = _calls(connection, job_id, tier, within)
        said = _probabilities(connection, job_id, tier, within)
    if any(position not in calls and state == ItemState.QUEUED and at == tier for position, state, at in page):
        return VerdictPage((), after)
    verdicts = [
        FirstVerdict(
            check=_check(call),
            confidence=call.confidence,
            probability=said.get(position),
            at_ms=call.started_ms,
            chance=share_point(str(job_id), str(position), "drift") / 100,
        )
        for position, call in sorted(calls.items(), key=lambda one: share_point(str(job_id), str(one[0]), "order"))
        if call.started_ms >= since_ms and not call.cache_hit and call.answered_by != AnswerSource.RECORDING
    ]
    return VerdictPage(tuple(verdicts), reached)


class _Call(NamedTuple):
    outcome: str
    failures: str
    confidence: float | None
    started_ms: int
    cache_hit: bool
    answered_by: str | None


def _check(call: _Call) -> str:
    """Return the first check that failed, empty where none did."""
    failures = orjson.loads(call.failures) if call.outcome == AttemptOutcome.REJECTED else ()
    return str(failures[0]["check"]) if failures else ""


def _calls(connection: Connection, job_id: int, tier: str, within: Sequence[int]) -> dict[int, _Call]:
    rows = connection.execute(
        select(
            col(Attempt.position),
            col(Attempt.outcome),
            col(Attempt.failures),
            col(Attempt.confidence),
            col(Attempt.started_ms),
            col(Attempt.cache_hit),
            col(Attempt.answered_by),
        )
        .where(
            _among(col(Attempt.job_id), col(Attempt.position), job_id, within),
            col(Attempt.tier) == tier,
            col(Attempt.outcome).in_((AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED)),
            col(Attempt.cause) != Cause.REPAIR,
            col(Attempt.holdout).is_(False),
            col(Attempt.canary).is_(False),
        )
        .order_by(col(Attempt.position), col(Attempt.started_ms), col(Attempt.uid))
    )
    found: dict[int, _Call] = {}
    # All at once: one by one they would be asked for, a call of the driver each.
    for position, outcome, failures, confidence, started_ms, cache_hit, answered_by in rows.all():
        found.setdefault(position, _Call(outcome, failures, confidence, started_ms, cache_hit, answered_by))
    return found


def _probabilities(connection: Connection, job_id: int, tier: str, within: Sequence[int]) -> dict[int, float]:
    rows = connection.execute(
        select(col(DecisionRow.position), col(DecisionRow.probability)).where(
            _among(col(DecisionRow.job_id), col(DecisionRow.position), job_id, within),
            col(DecisionRow.layer) == Layer.CLASSIFIER,
            col(DecisionRow.tier) == tier,
            col(DecisionRow.probability).is_not(None),
        )
    )
    return {position: float(probability or 0) for position, probability in rows}


def _among(job: Mapped[int], position: Mapped[int], job_id: int, within: Sequence[int]) -> ColumnElement[bool]:
    return (job == job_id) & position.between(within[0], within[1])
