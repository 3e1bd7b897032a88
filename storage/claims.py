"""Claiming items: one worker at a time may work on an item, for as long as its lease lives."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_, update
from sqlmodel import col

from routing.decision import Layer
from storage.clock import now_ms
from storage.states import JobState
from storage.tables import Item, Job
from storage.taking import DOCUMENTS_OF_TAKEN, TAKE, TAKE_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection, RowMapping

    from storage.database import Database

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

    `item_budget_nano_usd` is the most one item may cost; None where there is no limit. `to_be_paid` tells that there is
    a budget, and nothing is reserved yet.
    """

    item_budget_nano_usd: int | None
    items: tuple[ClaimedItem, ...]
    to_be_paid: bool = False


def claim(
    database: Database,
    *,
    job_id: int,
    tier: str,
    positions: Sequence[int],
    lease_token: str,
    lease_ms: int,
    has_day_budget: bool = False,
) -> Claim | None:
    """Take what is free of these items, in one transaction; None where nothing may be claimed.

    Free is: queued in this tier, no lease, due, its job running. The rest is skipped, so that a message that is
    delivered twice costs nothing. A lease that ran out is the sweeper's to take back, with what was reserved under it.
    `has_day_budget` tells that a day has one here. Where the day or the job has one, nothing may be called before
    `storage.paying.pay` has reserved for it.
    """
    if not database.is_sqlite and not has_day_budget:
        claimed = _claim_at_once(database, job_id, tier, positions, lease_token, lease_ms)
        if claimed is not None:
            return claimed
    with database.write() as connection:
        job = _job(connection, job_id)
        if job is None or job["state"] != JobState.RUNNING:
            return None
        items = _take(connection, job_id, tier, positions, lease_token, lease_ms)
    has_budget = has_day_budget or job["budget_nano_usd"] is not None
    return Claim(job["item_budget_nano_usd"], tuple(items), to_be_paid=has_budget) if items else None


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


def _job(connection: Connection, job_id: int) -> RowMapping | None:
    query = select(col(Job.state), col(Job.budget_nano_usd), col(Job.item_budget_nano_usd))
    return connection.execute(query.where(col(Job.id) == job_id)).mappings().one_or_none()


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
