"""Reserving money before calls are made: no call begins that a budget would not pay for at its dearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select
from sqlmodel import col

from routing.task import OnExceed
from storage.clock import now_ms
from storage.states import StopReason
from storage.tables import Job, SpendingDay, TierTally
from storage.upserting import for_each_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from routing.money import NanoUsd
    from storage.database import Database
    from storage.upserting import Insert, InsertInto

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DayBudget:
    """The most all jobs together may spend in a day (UTC), and what becomes of items it does not pay for."""

    nano_usd: NanoUsd
    on_exceed: OnExceed


@dataclass(frozen=True, slots=True)
class SpendingRules:
    """What follows where a budget does not pay for an item's turn, and the day's budget."""

    on_exceed: OnExceed = OnExceed.PAUSE
    day: DayBudget | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of some items are paid for, what is reserved for them, and what happens to the rest.

    `stop` is set where the job stops, `ends` where the rest can never be paid for and ends without a call.
    """

    covered: int
    reserved_nano_usd: int
    stop: StopReason | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class _Pot:
    """One budget as it stands. `busy` tells that money may still come back to it."""

    left: int
    busy: bool
    on_exceed: OnExceed
    reason: StopReason


def today() -> ColumnElement[int]:
    """Return the day by the database's clock, counted from 1970-01-01 (UTC)."""
    return now_ms() // DAY_MS


def cover(
    database: Database,
    connection: Connection,
    job: RowMapping,
    tier: str,
    bounds: Sequence[int],
    rules: SpendingRules,
) -> Coverage:
    """Say how many of these calls, each with its most, the budgets pay for. The job's row is locked already.

    While calls are in flight, what they reserved and do not use comes back, and the rest waits for it. Where nothing is
    in flight the budget is used up, and the rules say what follows. `cheap_only` keeps back what the first tier will
    need for the items that wait there, at its mean cost so far, and never ends an item there.
    """
    pots = _pots(database, connection, job, rules)
    first, kept = _kept_for_first_tier(connection, job["id"])
    covered = reserved = 0
    for bound in bounds:
        needed = reserved + bound
        if any(pot.left - _held_back(pot, tier, first, kept) < needed for pot in pots):
            break
        covered, reserved = covered + 1, needed
    if covered or not bounds:
        return Coverage(covered, reserved)
    lacking = [pot for pot in pots if pot.left - _held_back(pot, tier, first, kept) < bounds[0]]
    if all(pot.busy or _held_back(pot, tier, first, kept) for pot in lacking):
        return Coverage(0, 0)
    used_up = next(pot for pot in lacking if not (pot.busy or _held_back(pot, tier, first, kept)))
    if used_up.on_exceed is OnExceed.FAIL or (used_up.on_exceed is OnExceed.CHEAP_ONLY and tier != first):
        return Coverage(0, 0, ends=True)
    return Coverage(0, 0, stop=used_up.reason)


def _pots(database: Database, connection: Connection, job: RowMapping, rules: SpendingRules) -> list[_Pot]:
    pots = []
    if job["budget_nano_usd"] is not None:
        left = job["budget_nano_usd"] - job["cost_nano_usd"] - job["reserved_nano_usd"]
        pots.append(_Pot(left, job["reserved_nano_usd"] > 0, rules.on_exceed, StopReason.BUDGET))
    day = rules.day
    if day is not None:
        spent, reserved = _spent_today(database, connection), _reserved(connection)
        pots.append(_Pot(day.nano_usd - spent - reserved, reserved > 0, day.on_exceed, StopReason.DAY_BUDGET))
    return pots


def _spent_today(database: Database, connection: Connection) -> int:
    """Lock the day's row, so that of two claims the second sees what the first reserved."""
    connection.execute(
        database.insert(SpendingDay).values(day=today(), cost_nano_usd=0).on_conflict_do_nothing(index_elements=["day"])
    )
    return (
        connection.scalar(
            select(col(SpendingDay.cost_nano_usd)).where(col(SpendingDay.day) == today()).with_for_update()
        )
        or 0
    )


def _reserved(connection: Connection) -> int:
    return int(
        connection.scalar(select(func.sum(col(Job.reserved_nano_usd))).where(col(Job.reserved_nano_usd) > 0)) or 0
    )


def _kept_for_first_tier(connection: Connection, job_id: int) -> tuple[str, int]:
    """Return the job's first tier, and what the items that wait there will cost at its mean so far."""
    row = connection.execute(
        select(col(TierTally.tier), col(TierTally.queued), col(TierTally.attempts), col(TierTally.cost_nano_usd)).where(
            col(TierTally.job_id) == job_id, col(TierTally.rank) == 0
        )
    ).one()
    return row.tier, row.queued * row.cost_nano_usd // row.attempts if row.attempts else 0


def _held_back(pot: _Pot, tier: str, first: str, kept: int) -> int:
    return kept if pot.on_exceed is OnExceed.CHEAP_ONLY and tier != first else 0


def add_to_day(connection: Connection, cost_nano_usd: int) -> None:
    """Book what was spent on today's row."""
    connection.execute(_add_to_day(connection), {"b_cost": cost_nano_usd})


@for_each_database
def _add_to_day(insert: InsertInto) -> Insert:
    inserted = insert(SpendingDay).values(day=today(), cost_nano_usd=bindparam("b_cost"))
    spent = col(SpendingDay.cost_nano_usd) + inserted.excluded.cost_nano_usd
    return inserted.on_conflict_do_update(index_elements=["day"], set_={"cost_nano_usd": spent})


def spent_today(database: Database) -> int:
    """Return what all jobs together have spent since midnight (UTC), in nano-dollars."""
    with database.read() as connection:
        return connection.scalar(select(col(SpendingDay.cost_nano_usd)).where(col(SpendingDay.day) == today())) or 0
