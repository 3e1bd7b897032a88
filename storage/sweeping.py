"""What the sweeper asks of the ledger: give back what dead workers held, and say what waits for a message."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import bindparam, select, tuple_, update
from sqlmodel import col

from routing.decision import Layer
from storage.claims import MAX_CLAIMS
from storage.clock import now_ms
from storage.columns import unindexed
from storage.jobs import is_active
from storage.states import FailReason, ItemState, JobState
from storage.tables import Item, Job, TierTally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from storage.database import Database

_BATCH = 1000


class _Expired(Protocol):
    """An item whose lease ran out, as it is read from the ledger."""

    job_id: int
    position: int
    tier: str
    layer: str
    claims: int
    reserved_nano_usd: int


@dataclass(frozen=True, slots=True)
class Released:
    """The (job, position) pairs that came back to each tier as their lease ran out; how many others are quarantined.

    Of those that came back, `doubtful` are the ones whose next claim is their last.
    """

    requeued: dict[str, list[tuple[int, int]]]
    quarantined: int
    doubtful: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class EscalationCount:
    """How many items a tier of a job has judged, how many of them it sent up, and whether the job was ever stopped."""

    job_id: int
    tier: str
    verdicts: int
    escalated: int
    was_stopped: bool


_EXPIRED = (
    select(
        col(Item.job_id),
        col(Item.position),
        col(Item.tier),
        col(Item.layer),
        col(Item.claims),
        col(Item.reserved_nano_usd),
    )
    .where(col(Item.lease_token).is_not(None), col(Item.lease_until_ms) < now_ms() - bindparam("b_waited_ms"))
    .order_by(unindexed(col(Item.job_id)), unindexed(col(Item.position)))
    .limit(_BATCH)
    .with_for_update(skip_locked=True)
)


def release_expired(database: Database) -> Released:
    """Take items back from workers that let their leases run out, up to 1000 at once.

    An item claimed `MAX_CLAIMS` times without a record fails: handling it kills or hangs the worker. One that was only
    to be measured keeps the output it was accepted with. Leases that ran out while this waited for the ledger are left
    for the next time: those whose they are may have waited for it as well.
    """
    asked = monotonic()
    with database.write() as connection:
        waited_ms = int((monotonic() - asked) * 1000)
        expired = connection.execute(_EXPIRED, {"b_waited_ms": waited_ms}).all()
        if not expired:
            return Released({}, 0)
        healthy = [row for row in expired if row.claims < MAX_CLAIMS]
        over = [row for row in expired if row.claims >= MAX_CLAIMS]
        poisoned = [row for row in over if row.layer != Layer.HOLDOUT]
        _give_back(connection, [(row.job_id, row.position) for row in healthy])
        _end(connection, [row for row in over if row.layer == Layer.HOLDOUT], ItemState.DONE, None)
        _end(connection, poisoned, ItemState.FAILED, FailReason.QUARANTINED)
        ended = Counter((row.job_id, row.tier) for row in over)
        failed = Counter((row.job_id, row.tier) for row in poisoned)
        for (job_id, tier), count in sorted(ended.items()):
            connection.execute(
                update(TierTally)
                .where(col(TierTally.job_id) == job_id, col(TierTally.tier) == tier)
                .values(queued=col(TierTally.queued) - count, failed=col(TierTally.failed) + failed[job_id, tier])
            )
        for job_id, rows in groupby(expired, key=lambda row: row.job_id):
            _settle_job(connection, job_id, list(rows))
    requeued: dict[str, list[tuple[int, int]]] = {}
    for row in healthy:
        requeued.setdefault(row.tier, []).append((row.job_id, row.position))
    doubtful = frozenset((row.job_id, row.position) for row in healthy if row.claims == MAX_CLAIMS - 1)
    return Released(requeued, len(poisoned), doubtful)


def _give_back(connection: Connection, keys: list[tuple[int, int]]) -> None:
    if keys:
        connection.execute(
            update(Item)
            .where(tuple_(col(Item.job_id), col(Item.position)).in_(keys))
            .values(lease_token=None, lease_until_ms=None, reserved_nano_usd=0, available_ms=now_ms())
        )


def _end(connection: Connection, rows: Sequence[_Expired], state: ItemState, reason: FailReason | None) -> None:
    if rows:
        connection.execute(
            update(Item)
            .where(tuple_(col(Item.job_id), col(Item.position)).in_([(row.job_id, row.position) for row in rows]))
            .values(
                state=state,
                fail_reason=reason,
                lease_token=None,
                lease_until_ms=None,
                reserved_nano_usd=0,
                finished_ms=now_ms(),
            )
        )


def _settle_job(connection: Connection, job_id: int, rows: Sequence[_Expired]) -> None:
    over = [row for row in rows if row.claims >= MAX_CLAIMS]
    measured = sum(row.layer == Layer.HOLDOUT for row in over)
    change = {
        "reserved_nano_usd": -sum(row.reserved_nano_usd for row in rows),
        "items_failed": len(over) - measured,
        "items_done": measured,
    }
    if not any(change.values()):
        return
    connection.execute(
        update(Job).where(col(Job.id) == job_id).values({name: getattr(Job, name) + by for name, by in change.items()})
    )
    connection.execute(
        update(Job)
        .where(col(Job.id) == job_id, col(Job.items_done) + col(Job.items_failed) == col(Job.items_total))
        .values(state=JobState.DONE, finished_ms=now_ms())
    )


def waiting_tiers(database: Database) -> frozenset[str]:
    """Return the tiers in which running jobs have items that are not finished, from the tallies."""
    with database.read() as connection:
        return frozenset(connection.scalars(_WAITING_TIERS))


_WAITING_TIERS = (
    select(col(TierTally.tier))
    .join(Job, col(Job.id) == col(TierTally.job_id))
    .where(col(Job.state) == JobState.RUNNING, col(TierTally.queued) > 0)
    .distinct()
)


def escalation_counts(database: Database) -> list[EscalationCount]:
    """Return how often each tier of each active job has accepted and escalated, from the tallies."""
    with database.read() as connection:
        return [EscalationCount(**row) for row in connection.execute(_ESCALATION_COUNTS).mappings()]


_verdicts = col(TierTally.accepted) + col(TierTally.escalated) + col(TierTally.failed)
_ESCALATION_COUNTS = (
    select(
        col(TierTally.job_id),
        col(TierTally.tier),
        _verdicts.label("verdicts"),
        col(TierTally.escalated),
        col(Job.stopped_ms).is_not(None).label("was_stopped"),
    )
    .join(Job, col(Job.id) == col(TierTally.job_id))
    .where(is_active())
)


def claimable(database: Database, tier: str, idle_ms: int, limit: int) -> list[tuple[int, int]]:
    """Return up to `limit` (job, position) pairs that are queued in a tier, due for `idle_ms` and in nobody's hands.

    Only running jobs count. In the order of jobs, then positions. Each job is looked at by itself, so that nothing
    reads past what waits of a large job that is paused.
    """
    found: list[tuple[int, int]] = []
    with database.read() as connection:
        for job_id in connection.scalars(_JOBS_THAT_WAIT, {"b_tier": tier}).all():
            given = {"b_tier": tier, "b_job_id": job_id, "b_idle_ms": idle_ms, "b_limit": limit - len(found)}
            positions = connection.scalars(_CLAIMABLE, given)
            found += [(job_id, position) for position in positions]
            if len(found) == limit:
                break
    return found


_JOBS_THAT_WAIT = (
    select(col(TierTally.job_id))
    .join(Job, col(Job.id) == col(TierTally.job_id))
    .where(col(TierTally.tier) == bindparam("b_tier"), col(TierTally.queued) > 0, col(Job.state) == JobState.RUNNING)
    .order_by(col(TierTally.job_id))
)
_CLAIMABLE = (
    select(col(Item.position))
    .where(
        col(Item.tier) == bindparam("b_tier"),
        col(Item.state) == ItemState.QUEUED,
        col(Item.job_id) == bindparam("b_job_id"),
        col(Item.lease_token).is_(None),
        col(Item.claims) < MAX_CLAIMS,
        col(Item.available_ms) <= now_ms() - bindparam("b_idle_ms"),
    )
    .order_by(col(Item.position))
    .limit(bindparam("b_limit"))
)


def queued_positions(database: Database, job_id: int, tier: str, after: int, limit: int) -> list[int]:
    """Return the next positions of a job that are queued in a tier, in order: what submit and resume publish."""
    with database.read() as connection:
        return list(
            connection.scalars(
                select(col(Item.position))
                .where(
                    col(Item.tier) == tier,
                    col(Item.state) == ItemState.QUEUED,
                    col(Item.job_id) == job_id,
                    col(Item.position) > after,
                    col(Item.lease_token).is_(None),
                )
                .order_by(col(Item.position))
                .limit(limit)
            )
        )
