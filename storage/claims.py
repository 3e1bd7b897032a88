"""Claiming items: one worker at a time may work on an item, for as long as its lease lives."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select, tuple_, update
from sqlmodel import col

from routing.decision import Layer
from storage.clock import now_ms
from storage.tables import Item
from storage.taking import DOCUMENTS_OF_TAKEN, READ, RUNNING, TAKE, TAKE_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from storage.database import Database

MAX_CLAIMS = 3
"""Claims without a record after which an item is taken for a poison document."""


class ClaimedItem(NamedTuple):
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
    """Take what is free of these items, as `claim_chunks` does; None where nothing may be claimed."""
    claims = claim_chunks(
        database,
        job_id=job_id,
        tier=tier,
        chunks={lease_token: positions},
        lease_ms=lease_ms,
        has_day_budget=has_day_budget,
    )
    return claims.get(lease_token)


def claim_chunks(
    database: Database,
    *,
    job_id: int,
    tier: str,
    chunks: Mapping[str, Sequence[int]],
    lease_ms: int,
    has_day_budget: bool = False,
) -> dict[str, Claim]:
    """Take what is free of these items, in one transaction. Positions and claims are by the token of their lease.

    Free is: queued in this tier, no lease, due, its job running. The rest is skipped, so that a message that is
    delivered twice costs nothing; a token under which nothing was taken has no claim. A lease that ran out is the
    sweeper's to take back, with what was reserved under it. `has_day_budget` tells that a day has one here. Where the
    day or the job has one, nothing may be called before `storage.paying.pay` has reserved for it. Tokens have no comma.
    """
    given = {"b_job_id": job_id, "b_tier": tier, "b_lease_ms": lease_ms, "b_max_claims": MAX_CLAIMS}
    if database.is_sqlite:
        with database.write() as connection:
            rows = _take(connection, given, chunks)
    else:
        # What a chunk of short documents costs PostgreSQL and its client is mostly the number of statements.
        positions = [position for chunk in chunks.values() for position in chunk]
        tokens = [token for token, chunk in chunks.items() for _ in chunk]
        with database.statement() as connection:
            wanted = {"b_positions": f"{{{','.join(map(str, positions))}}}", "b_tokens": ",".join(tokens)}
            rows = connection.execute(TAKE_AT_ONCE, given | wanted).all()
    if not rows:
        return {}
    *_, item_budget, has_budget = rows[0]  # the same in all of them
    taken: defaultdict[str, list[ClaimedItem]] = defaultdict(list)
    for row in rows:
        item = ClaimedItem._make(row[: len(ClaimedItem._fields)])
        taken[item.lease_token].append(item)
    to_be_paid = has_day_budget or has_budget
    return {token: Claim(item_budget, tuple(items), to_be_paid) for token, items in taken.items()}


def _take(
    connection: Connection, given: Mapping[str, object], chunks: Mapping[str, Sequence[int]]
) -> Sequence[Sequence[Any]]:
    """Return what `TAKE_AT_ONCE` would, from a statement each."""
    job = connection.execute(RUNNING, given).mappings().one_or_none()
    if job is None:
        return ()
    rows: list[list[Any]] = []
    for token, positions in chunks.items():
        wanted = {**given, "b_positions": list(positions), "b_lease_token": token}
        taken = {row["position"]: row for row in connection.execute(TAKE, wanted).mappings()}
        if taken:
            documents = connection.execute(DOCUMENTS_OF_TAKEN, {**given, "b_positions": list(taken)}).mappings()
            read = ({**taken[document["position"]], **document, **job} for document in documents)
            rows += [[row[name] for name in READ] for row in read]
    return rows


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
