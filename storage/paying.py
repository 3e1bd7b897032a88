"""Reserving for items that were claimed already: a transaction of its own, after their prompts are written.

A prompt is written with a document's text, in templates that are a user's: should that end the process, the claim is
committed, and the death counts against that document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlmodel import col

from storage.clock import now_ms
from storage.reserving import cover
from storage.states import JobState, StopReason
from storage.tables import Item, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from storage.claims import Claim, ClaimedItem
    from storage.database import Database
    from storage.reserving import Coverage, SpendingRules


@dataclass(frozen=True, slots=True)
class Payment:
    """Of claimed items, those that may be called, and those to be ended without a call: no budget will pay for them."""

    items: tuple[ClaimedItem, ...]
    unpaid: tuple[ClaimedItem, ...] = ()


def pay(database: Database, claim: Claim, bounds: Mapping[int, int], spending: SpendingRules) -> Payment:
    """Reserve for the items of a claim the most each can cost, by position, in one transaction.

    An item without a bound keeps its lease and is left out. Items that are not covered stay queued as if they had never
    been claimed, are `unpaid`, or the job stops, as `spending` says; where the job does not run any more, all stay.
    Paying a second time reserves nothing more, so that a commit of unknown outcome can simply be repeated.
    """
    asked = [item for item in claim.items if item.position in bounds]
    if not asked:
        return Payment(())
    with database.write() as connection:
        # Locks are taken in the same sequence by everything: items, jobs, the day.
        held = _held(connection, asked)
        already = tuple(item for item in asked if held.get(item.position))
        items = [item for item in asked if held.get(item.position) == 0]
        job = _job(connection, asked[0].job_id)
        if job["state"] != JobState.RUNNING:
            _give_back(connection, items)
            return Payment(already)
        most = [bounds[item.position] for item in items]
        coverage = cover(database, connection, job, asked[0].tier, most, spending)
        covered, rest = items[: coverage.covered], items[coverage.covered :]
        for item, bound in zip(covered, most, strict=False):
            connection.execute(update(Item).where(*_are([item])).values(reserved_nano_usd=bound))
        if not coverage.ends:
            _give_back(connection, rest)
        _change_job(connection, job["id"], coverage)
    return Payment((*already, *covered), tuple(rest) if coverage.ends else ())


def _held(connection: Connection, items: Sequence[ClaimedItem]) -> dict[int, int]:
    """Lock those of these items whose lease is still the one they were claimed under; return what each has reserved."""
    query = select(col(Item.position), col(Item.reserved_nano_usd)).where(
        *_are(items), col(Item.lease_token) == items[0].lease_token
    )
    rows = connection.execute(query.order_by(col(Item.position)).with_for_update())
    return {row.position: row.reserved_nano_usd for row in rows}


def _job(connection: Connection, job_id: int) -> RowMapping:
    query = select(
        col(Job.id), col(Job.state), col(Job.budget_nano_usd), col(Job.cost_nano_usd), col(Job.reserved_nano_usd)
    ).where(col(Job.id) == job_id)
    return connection.execute(query.with_for_update()).mappings().one()


def _give_back(connection: Connection, items: Sequence[ClaimedItem]) -> None:
    if items:
        connection.execute(
            update(Item).where(*_are(items)).values(claims=col(Item.claims) - 1, lease_token=None, lease_until_ms=None)
        )


def _change_job(connection: Connection, job_id: int, coverage: Coverage) -> None:
    change: dict[str, object] = {}
    if coverage.reserved_nano_usd:
        change["reserved_nano_usd"] = col(Job.reserved_nano_usd) + coverage.reserved_nano_usd
    if coverage.stop is not None:
        change |= {
            "state": JobState.STOPPED,
            "stop_reason": coverage.stop,
            "stop_detail": _STOP_DETAILS[coverage.stop],
            "stopped_ms": now_ms(),
        }
    if change:
        connection.execute(update(Job).where(col(Job.id) == job_id).values(**change))


_STOP_DETAILS = {
    StopReason.BUDGET: "What is left of the budget does not pay for another call.",
    StopReason.DAY_BUDGET: "What is left of the day's budget pays for no other call; the job goes on at 00:00 UTC.",
}


def _are(items: Sequence[ClaimedItem]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Item.job_id) == items[0].job_id, col(Item.position).in_([item.position for item in items])
