"""Recording what came of claimed items: attempts, new states, counts and money, many items in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, bindparam, case, func, insert, or_, select, tuple_, update
from sqlmodel import col

from routing.decision import Cause, Layer
from storage import answer_cache
from storage.canary_tallies import add_canary_outcomes
from storage.clock import now_ms
from storage.fixes import add_fixes
from storage.records import Accepted, Escalated, Failed, HeldOut, Measured, Released, Routed
from storage.reserving import add_to_day
from storage.router_tables import DecisionRow
from storage.states import ItemState, JobState
from storage.tables import Attempt, Item, Job
from storage.tallying import change_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from storage.database import Database
    from storage.records import AttemptRecord, DecisionRecord, ItemRecord, Next


def write(database: Database, records: Sequence[ItemRecord]) -> frozenset[tuple[int, int]]:
    """Write these records, all or none, and return the keys of the items whose state they changed.

    Every attempt is kept and paid for. An item's state changes only where the lease it was claimed under is still its
    own; the record of a claim that was lost meanwhile adds to the bill and to nothing else. Writing the same records a
    second time changes nothing, so that a commit of unknown outcome can simply be repeated.
    """
    with database.write() as connection:
        # Locks are taken in the same sequence by everything that changes counts: items, tallies, jobs,
        # the day; each in order.
        fresh = _unwritten(connection, records)
        if not fresh:
            return frozenset()
        attempts = [_row(record, attempt) for record in fresh for attempt in record.attempts]
        if attempts:
            connection.execute(insert(Attempt), attempts)
        decisions = [_row(record, decision) for record in fresh for decision in record.decisions]
        if decisions:
            connection.execute(insert(DecisionRow), decisions)
        held = _held(connection, fresh)
        _change_items(connection, [record for record in fresh if record.key in held])
        change_tallies(database, connection, fresh, held)
        add_fixes(database, connection, [fix for record in fresh if record.key in held for fix in record.fixes])
        _change_jobs(connection, fresh, held)
        add_canary_outcomes(
            database,
            connection,
            [record.canary_outcome for record in fresh if record.key in held and record.canary_outcome],
        )
        answer_cache.keep(database, connection, [answer for record in fresh for answer in record.to_cache])
        cost_nano_usd = sum(record.cost_nano_usd for record in fresh)
        if cost_nano_usd:
            add_to_day(database, connection, cost_nano_usd)
    return frozenset(held)


def _unwritten(connection: Connection, records: Sequence[ItemRecord]) -> list[ItemRecord]:
    written = _known(connection, Attempt, [uid for record in records for uid in _uids(record.attempts)])
    written |= _known(connection, DecisionRow, [uid for record in records for uid in _uids(record.decisions)])
    return [record for record in records if written.isdisjoint((*_uids(record.attempts), *_uids(record.decisions)))]


def _uids(parts: Iterable[AttemptRecord | DecisionRecord]) -> list[UUID]:
    return [part.uid for part in parts]


def _known(connection: Connection, table: type[Attempt | DecisionRow], uids: list[UUID]) -> set[UUID]:
    return set(connection.scalars(select(col(table.uid)).where(col(table.uid).in_(uids)))) if uids else set()


def _row(record: ItemRecord, part: AttemptRecord | DecisionRecord) -> dict[str, object]:
    row = {name: getattr(part, name) for name in part.__dataclass_fields__}
    return row | {"job_id": record.job_id, "position": record.position}


def _held(connection: Connection, records: Sequence[ItemRecord]) -> dict[tuple[int, int], int]:
    """Return what is reserved for each item whose lease is still the one it was claimed under."""
    tokens = {record.key: record.lease_token for record in records}
    rows = connection.execute(
        select(col(Item.job_id), col(Item.position), col(Item.lease_token), col(Item.reserved_nano_usd))
        .where(tuple_(col(Item.job_id), col(Item.position)).in_(sorted(tokens)))
        .order_by(col(Item.job_id), col(Item.position))
        .with_for_update()
    )
    return {(job, position): reserved for job, position, token, reserved in rows if token == tokens[job, position]}


_FINISH = (
    update(Item)
    .where(col(Item.job_id) == bindparam("b_job_id"), col(Item.position) == bindparam("b_position"))
    .values(
        state=bindparam("b_state"),
        fail_reason=bindparam("b_fail_reason"),
        tier=bindparam("b_tier"),
        layer=func.coalesce(bindparam("b_layer"), col(Item.layer)),
        cause=func.coalesce(bindparam("b_cause"), col(Item.cause)),
        decided=or_(col(Item.decided), bindparam("b_decided", type_=Boolean)),
        carried=bindparam("b_carried"),
        claims=case((bindparam("b_clean"), 0), else_=col(Item.claims) - 1),
        lease_token=None,
        lease_until_ms=None,
        available_ms=now_ms() + bindparam("b_delay_ms"),
        reserved_nano_usd=0,
        attempts=col(Item.attempts) + bindparam("b_attempts"),
        cost_nano_usd=col(Item.cost_nano_usd) + bindparam("b_cost"),
        baseline_nano_usd=bindparam("b_baseline"),
        latency_ms=col(Item.latency_ms) + bindparam("b_latency_ms"),
        needs_review=or_(col(Item.needs_review), bindparam("b_needs_review", type_=Boolean)),
        output=case((bindparam("b_keep_output"), col(Item.output)), else_=bindparam("b_output")),
        failures=case((bindparam("b_keep_output"), col(Item.failures)), else_=bindparam("b_failures")),
        finished_ms=case((bindparam("b_finished"), now_ms()), else_=None),
    )
)


def _change_items(connection: Connection, records: Sequence[ItemRecord]) -> None:
    if records:
        connection.execute(_FINISH, [_item_values(record) for record in records])


def _item_values(record: ItemRecord) -> dict[str, object]:
    values: dict[str, object] = {
        "b_job_id": record.job_id,
        "b_position": record.position,
        "b_state": ItemState.QUEUED,
        "b_fail_reason": None,
        "b_tier": record.tier,
        "b_layer": record.layer,
        "b_cause": record.cause,
        "b_decided": record.decided,
        "b_carried": None,
        "b_clean": True,
        "b_delay_ms": 0,
        "b_attempts": len(record.attempts),
        "b_cost": record.cost_nano_usd,
        "b_baseline": record.baseline_nano_usd,
        "b_latency_ms": record.latency_ms,
        "b_output": None,
        "b_needs_review": False,
        "b_failures": None,
        "b_finished": isinstance(record.next, Accepted | Failed | Measured),
        "b_keep_output": _keeps_output(record.next),
    }
    return values | _next_values(record.next)


def _keeps_output(following: Next) -> bool:
    """Tell whether this turn brought nothing that takes the place of what the item has."""
    if isinstance(following, Failed):
        return following.output is None and following.failures == "[]"
    return isinstance(following, Measured | Released)


def _next_values(following: Next) -> dict[str, object]:
    match following:
        case Accepted() | Failed() | Measured():
            return _ended(following)
        case Routed() | Escalated() | HeldOut():
            return _handed_on(following)
        case Released():
            return {"b_delay_ms": following.delay_ms, "b_clean": following.clean, "b_carried": following.carried}


def _ended(following: Accepted | Failed | Measured) -> dict[str, object]:
    match following:
        case Accepted():
            return {
                "b_state": ItemState.DONE,
                "b_output": following.output,
                "b_needs_review": following.needs_review,
                "b_failures": following.failures,
            }
        case Failed():
            return {
                "b_state": ItemState.FAILED,
                "b_fail_reason": following.reason,
                "b_output": following.output,
                "b_failures": following.failures,
            }
        case Measured():
            return {"b_state": ItemState.DONE, "b_tier": following.tier}


def _handed_on(following: Routed | Escalated | HeldOut) -> dict[str, object]:
    match following:
        case Routed():
            return {"b_tier": following.tier, "b_layer": following.layer, "b_cause": following.cause}
        case Escalated():
            return {
                "b_tier": following.tier,
                "b_layer": Layer.ESCALATION,
                "b_cause": following.cause,
                "b_carried": following.carried,
                "b_output": following.output,
                "b_failures": following.failures,
            }
        case HeldOut():
            return {
                "b_tier": following.tier,
                "b_layer": Layer.HOLDOUT,
                "b_cause": Cause.HOLDOUT,
                "b_output": following.output,
                "b_carried": following.carried,
            }


def _change_jobs(connection: Connection, records: Iterable[ItemRecord], held: Mapping[tuple[int, int], int]) -> None:
    jobs: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for record in records:
        change = jobs[record.job_id]
        change["cost"] += record.cost_nano_usd
        change["cache_saved"] += sum(attempt.saved_nano_usd for attempt in record.attempts)
        if record.key in held:
            change["reserved"] += held[record.key]
            change["done"] += isinstance(record.next, Accepted | Measured)
            change["failed"] += isinstance(record.next, Failed)
            change["baseline"] += record.baseline_nano_usd if isinstance(record.next, _ENDS) else 0
    names = ("cost", "cache_saved", "reserved", "done", "failed", "baseline")
    connection.execute(
        _ADD_TO_JOB,
        [{"b_job_id": job_id} | {f"b_{name}": jobs[job_id][name] for name in names} for job_id in sorted(jobs)],
    )


_ENDS = (Accepted, Failed, Measured)
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
