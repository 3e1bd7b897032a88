"""Recording what came of claimed items: attempts, new states, counts and money, many items in one transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from storage import answer_cache
from storage.canary_tallies import add_canary_outcomes
from storage.clock import now_ms
from storage.copying import insert_rows
from storage.fixes import add_fixes
from storage.item_changes import change_items
from storage.records import ENDS, AttemptRecord, DecisionRecord, Failed
from storage.reserving import add_to_day
from storage.router_tables import DecisionRow
from storage.states import JobState
from storage.tables import Attempt, Job
from storage.tallying import change_tallies, parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from storage.database import Database
    from storage.records import ClaimKey, ItemRecord

_KEY = ("job_id", "position")
_ATTEMPT = (*AttemptRecord._fields, *_KEY)
_DECISION = (*DecisionRecord._fields, *_KEY)


def write(database: Database, records: Sequence[ItemRecord]) -> frozenset[tuple[int, int]]:
    """Write these records, all or none, and return the keys of the items whose state they changed.

    Every attempt is kept and paid for. An item's state changes only where the lease it was claimed under is still its
    own; the record of a claim that was lost meanwhile adds to the bill and to nothing else. Writing the same records a
    second time changes nothing, so that a commit of unknown outcome can simply be repeated.
    """
    try:
        with database.write() as connection:
            return _write(database, connection, records)
    except IntegrityError:  # as where an earlier try was committed after all; nobody looks for that beforehand
        with database.write() as connection:
            return _write(database, connection, _unwritten(connection, records))


def _write(database: Database, connection: Connection, records: Sequence[ItemRecord]) -> frozenset[tuple[int, int]]:
    if not records:
        return frozenset()
    # Locks are taken in the same sequence by everything that changes counts: items, tallies, jobs,
    # the day; each in order.
    attempts = [(*attempt, *record.key) for record in records for attempt in record.attempts]
    insert_rows(connection, Attempt, _ATTEMPT, attempts)
    decisions = [(*decision, *record.key) for record in records for decision in record.decisions]
    insert_rows(connection, DecisionRow, _DECISION, decisions)
    held = change_items(connection, records)
    kept = [record for record in records if record.claim_key in held]
    change_tallies(connection, records, held)
    add_fixes(connection, [fix for record in kept for fix in record.fixes])
    cost_nano_usd = _change_jobs(connection, records, held)
    add_canary_outcomes(connection, [record.canary_outcome for record in kept if record.canary_outcome])
    answer_cache.keep(database, connection, [answer for record in records for answer in record.to_cache])
    if cost_nano_usd:
        add_to_day(connection, cost_nano_usd)
    return frozenset(record.key for record in kept)


def _unwritten(connection: Connection, records: Sequence[ItemRecord]) -> list[ItemRecord]:
    written = _known(connection, Attempt, [uid for record in records for uid in _uids(record.attempts)])
    written |= _known(connection, DecisionRow, [uid for record in records for uid in _uids(record.decisions)])
    return [record for record in records if written.isdisjoint((*_uids(record.attempts), *_uids(record.decisions)))]


def _uids(parts: Iterable[AttemptRecord | DecisionRecord]) -> list[UUID]:
    return [part.uid for part in parts]


def _known(connection: Connection, table: type[Attempt | DecisionRow], uids: list[UUID]) -> set[UUID]:
    return set(connection.scalars(select(col(table.uid)).where(col(table.uid).in_(uids)))) if uids else set()


def _change_jobs(connection: Connection, records: Iterable[ItemRecord], held: Mapping[ClaimKey, int]) -> int:
    """Add what these records did to their jobs, and return what all of them cost together."""
    jobs: defaultdict[int, _JobChange] = defaultdict(_JobChange)
    for record in records:
        change, reserved = jobs[record.job_id], held.get(record.claim_key)
        for attempt in record.attempts:
            change.cost += attempt.cost_nano_usd
            change.cache_saved += attempt.saved_nano_usd
        if reserved is not None:
            change.reserved += reserved
            if isinstance(record.next, ENDS):
                has_failed = isinstance(record.next, Failed)
                change.done += not has_failed
                change.failed += has_failed
                change.baseline += record.baseline_nano_usd
    connection.execute(_ADD_TO_JOB, [{"b_job_id": job_id} | parameters(jobs[job_id]) for job_id in sorted(jobs)])
    return sum(change.cost for change in jobs.values())


@dataclass(slots=True)
class _JobChange:
    """What `_ADD_TO_JOB` adds to a job."""

    cost: int = 0
    cache_saved: int = 0
    reserved: int = 0
    done: int = 0
    failed: int = 0
    baseline: int = 0


_ends = col(Job.items_done) + bindparam("b_done") + col(Job.items_failed) + bindparam("b_failed") == col(
    Job.items_total
)
_ADD_TO_JOB = (
    update(Job)
    .where(col(Job.id) == bindparam("b_job_id"))
    .values(
        cost_nano_usd=col(Job.cost_nano_usd) + bindparam("b_cost"),
        cache_saved_nano_usd=col(Job.cache_saved_nano_usd) + bindparam("b_cache_saved"),
        baseline_nano_usd=col(Job.baseline_nano_usd) + bindparam("b_baseline"),
        reserved_nano_usd=col(Job.reserved_nano_usd) - bindparam("b_reserved"),
        items_done=col(Job.items_done) + bindparam("b_done"),
        items_failed=col(Job.items_failed) + bindparam("b_failed"),
        state=case((_ends, JobState.DONE), else_=col(Job.state)),
        finished_ms=case((_ends, now_ms()), else_=col(Job.finished_ms)),
    )
)
