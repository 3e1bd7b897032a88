"""Claiming items: one worker at a time may work on an item, for as long as its lease lives."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_, update
from sqlmodel import col

from routing.decision import Layer
from storage.clock import now_ms
from storage.reserving import cover
from storage.states import JobState, StopReason
from storage.tables import Item, Job
from storage.taking import DOCUMENTS_OF_TAKEN, TAKE, TAKE_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from storage.database import Database
    from storage.reserving import SpendingRules

MAX_CLAIMS = 3
"""Claims without a record after which an item is taken for a poison document."""


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item in the hands of one worker. `metadata` is a JSON text; `layer` and `cause` say why it is in this tier.

    `decided` tells that the router has chosen its first tier, `carried` is what an earlier turn hands on (a JSON text).
    `queued_ms` is how long it waited for this claim since it was due.
    """

    job_id: int
    position: int
    tier: str
    cause: str
    lease_token: str
    custom_id: str
    text: str
    metadata: str
    pages: int | None
    attempts: int
    cost_nano_usd: int
    baseline_nano_usd: int = 0
    layer: str = Layer.DEFAULT
    decided: bool = False
    carried: str | None = None
    queued_ms: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker got of a message: the items that were free.

    `item_budget_nano_usd` is the most one item may cost; None where there is no limit. `unpaid` are leased as well, to
    be ended without a call: no budget will pay for them.
    """

    item_budget_nano_usd: int | None
    items: tuple[ClaimedItem, ...]
    unpaid: tuple[ClaimedItem, ...] = ()


def claim(
    database: Database,
    *,
    job_id: int,
    tier: str,
    positions: Sequence[int],
    lease_token: str,
    lease_ms: int,
    spending: SpendingRules,
) -> Claim | None:
    """Take what is free of these items, in one transaction; None where nothing may be claimed.

    Free is: queued in this tier, no lease, due, its job running. The rest is skipped, so that a message that is
    delivered twice costs nothing. A lease that ran out is the sweeper's to take back, with what was reserved under it.
    Where the job or the day has a budget, the upper bound of each item is reserved, and items that are not covered stay
    queued, are `unpaid`, or the job stops, as `spending` says.
    """
    if not database.is_sqlite and spending.day is None:
        claimed = _claim_at_once(database, job_id, tier, positions, lease_token, lease_ms)
        if claimed is not None:
            return claimed
    with database.write() as connection:
        job = _job(connection, job_id)
        if job is None or job["state"] != JobState.RUNNING:
            return None
        has_budget = job["budget_nano_usd"] is not None or spending.day is not None
        if has_budget:
            # Reserving changes the job's row, so it is locked before its items are, as recording does.
            job = _job(connection, job_id, lock=True)
            if job is None or job["state"] != JobState.RUNNING:
                return None
        items = _take(connection, job_id, tier, positions, lease_token, lease_ms)
        unpaid: list[ClaimedItem] = []
        if items and has_budget:
            items, unpaid = _reserve(database, connection, job, tier, items, spending)
    return Claim(job["item_budget_nano_usd"], tuple(items), tuple(unpaid)) if items or unpaid else None


def _claim_at_once(
    database: Database, job_id: int, tier: str, positions: Sequence[int], lease_token: str, lease_ms: int
) -> Claim | None:
    """Claim in one statement, a transaction of its own; None where the job has a budget or nothing is free.

    What a chunk of short documents costs PostgreSQL and its client is mostly the number of statements.
    """
    with database.statement() as connection:
        given = _given(job_id, tier, positions, lease_token, lease_ms)
        rows = connection.execute(TAKE_AT_ONCE, given).mappings().all()
    if not rows:
        return None
    return Claim(rows[0]["item_budget"], tuple(_claimed(job_id, tier, lease_token, row, row) for row in rows))


def _job(connection: Connection, job_id: int, *, lock: bool = False) -> RowMapping | None:
    query = select(
        col(Job.id),
        col(Job.state),
        col(Job.budget_nano_usd),
        col(Job.item_budget_nano_usd),
        col(Job.cost_nano_usd),
        col(Job.reserved_nano_usd),
    ).where(col(Job.id) == job_id)
    return connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def _given(job_id: int, tier: str, positions: Sequence[int], lease_token: str, lease_ms: int) -> dict[str, object]:
    return {
        "b_job_id": job_id,
        "b_tier": tier,
        "b_positions": list(positions),
        "b_lease_token": lease_token,
        "b_lease_ms": lease_ms,
        "b_max_claims": MAX_CLAIMS,
    }


def _take(
    connection: Connection, job_id: int, tier: str, positions: Sequence[int], lease_token: str, lease_ms: int
) -> list[ClaimedItem]:
    rows = connection.execute(TAKE, _given(job_id, tier, positions, lease_token, lease_ms)).mappings()
    taken = {row["position"]: row for row in rows}
    if not taken:
        return []
    documents = connection.execute(DOCUMENTS_OF_TAKEN, {"b_job_id": job_id, "b_positions": list(taken)}).mappings()
    return [_claimed(job_id, tier, lease_token, taken[document["position"]], document) for document in documents]


def _claimed(job_id: int, tier: str, lease_token: str, item: RowMapping, document: RowMapping) -> ClaimedItem:
    return ClaimedItem(
        job_id=job_id,
        position=item["position"],
        tier=tier,
        cause=item["cause"],
        lease_token=lease_token,
        custom_id=item["custom_id"],
        text=document["text"],
        metadata=document["metadata"],
        pages=document["pages"],
        attempts=item["attempts"],
        cost_nano_usd=item["cost_nano_usd"],
        baseline_nano_usd=item["baseline_nano_usd"],
        layer=item["layer"],
        decided=item["decided"],
        carried=item["carried"],
        queued_ms=item["queued_ms"],
    )


def _reserve(
    database: Database,
    connection: Connection,
    job: RowMapping,
    tier: str,
    items: list[ClaimedItem],
    spending: SpendingRules,
) -> tuple[list[ClaimedItem], list[ClaimedItem]]:
    """Reserve for the items the budgets pay for; return those, and those that no budget will ever pay for."""
    bounds = [spending.upper_bound(item) for item in items]
    coverage = cover(database, connection, job, tier, bounds, spending)
    covered, rest = items[: coverage.covered], items[coverage.covered :]
    for item, bound in zip(covered, bounds, strict=False):
        connection.execute(update(Item).where(*_is(item)).values(reserved_nano_usd=bound))
    if not coverage.ends:
        for item in rest:
            connection.execute(
                update(Item)
                .where(*_is(item))
                .values(claims=col(Item.claims) - 1, lease_token=None, lease_until_ms=None)
            )
    change: dict[str, object] = {"reserved_nano_usd": col(Job.reserved_nano_usd) + coverage.reserved_nano_usd}
    if coverage.stop is not None:
        change |= {
            "state": JobState.STOPPED,
            "stop_reason": coverage.stop,
            "stop_detail": _STOP_DETAILS[coverage.stop],
            "stopped_ms": now_ms(),
        }
    connection.execute(update(Job).where(col(Job.id) == job["id"]).values(**change))
    return covered, rest if coverage.ends else []


_STOP_DETAILS = {
    StopReason.BUDGET: "What is left of the budget does not pay for another call.",
    StopReason.DAY_BUDGET: "What is left of the day's budget pays for no other call; the job goes on at 00:00 UTC.",
}


def _is(item: ClaimedItem) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Item.job_id) == item.job_id, col(Item.position) == item.position


def extend(database: Database, lease_tokens: Collection[str], lease_ms: int) -> dict[str, frozenset[int]]:
    """Keep the leases of everything that is still in this worker's hands, and return the positions, by token.

    What is being recorded at this moment is not among them.
    """
    with database.write() as connection:
        # What is locked is being recorded this moment and needs no lease; waiting for it could lock both up.
        held = (
            select(col(Item.job_id), col(Item.position))
            .where(col(Item.lease_token).in_(lease_tokens))
            .with_for_update(skip_locked=True)
        )
        extended = connection.execute(
            update(Item)
            .where(tuple_(col(Item.job_id), col(Item.position)).in_(held))
            .values(lease_until_ms=now_ms() + lease_ms)
            .returning(col(Item.lease_token), col(Item.position))
        )
        positions: defaultdict[str, set[int]] = defaultdict(set)
        for token, position in extended:
            assert token is not None  # it was looked for by its token
            positions[token].add(position)
    return {token: frozenset(found) for token, found in positions.items()}
