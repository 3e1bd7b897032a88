"""Recording what came of claimed items: attempts, new states, counts and money, many items in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import bindparam, case, func, insert, select, tuple_, update
from sqlmodel import col

from storage.clock import now_ms
from storage.states import AttemptOutcome, FailReason, ItemState, JobState
from storage.tables import Attempt, FailureTally, Item, Job, TierTally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from storage.database import Database


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One model call, as it is written down. `failures` and `spans` are JSON texts; the rest is as in the table."""

    uid: UUID
    tier: str
    model: str
    layer: str
    cause: str
    outcome: AttemptOutcome
    started_ms: int
    gate_wait_ms: int = 0
    limit_wait_ms: int = 0
    provider_ms: int = 0
    checks_ms: int = 0
    http_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    tokens_estimated: bool = False
    cost_nano_usd: int = 0
    price_source: str = ""
    trouble: str | None = None
    finish_reason: str | None = None
    answer: str | None = None
    failures: str = "[]"
    spans: str = "{}"
    confidence: float | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The item is done. `output` is its JSON text."""

    output: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The item ends without an accepted output; the best one and the reasons are kept for a person (JSON texts)."""

    reason: FailReason
    output: str | None
    failures: str


@dataclass(frozen=True, slots=True)
class Escalated:
    """The item goes to another tier's queue. `cause` says why."""

    tier: str
    cause: str


@dataclass(frozen=True, slots=True)
class Released:
    """The item goes back to its own queue and is due again after `delay_ms`: nobody has judged it.

    `clean` tells that handling it was tried to the end (the provider had no answer), so that its claims start anew.
    """

    delay_ms: int
    clean: bool


Next: TypeAlias = Accepted | Failed | Escalated | Released


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What came of one claim of one item.

    `failed_checks` are (check, field) pairs for the tally. `baseline_nano_usd` is what the item would have cost on the
    last tier alone; it counts once the item ends.
    """

    job_id: int
    position: int
    tier: str
    lease_token: str
    next: Next
    attempts: tuple[AttemptRecord, ...]
    latency_ms: int = 0
    baseline_nano_usd: int = 0
    failed_checks: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[int, int]:
        """The item's job and position."""
        return self.job_id, self.position

    @property
    def cost_nano_usd(self) -> int:
        """What this claim cost."""
        return sum(attempt.cost_nano_usd for attempt in self.attempts)


def write(database: Database, records: Sequence[ItemRecord]) -> frozenset[tuple[int, int]]:
    """Write these records, all or none, and return the keys of the items whose state they changed.

    Every attempt is kept and paid for. An item's state changes only where the lease it was claimed under is still its
    own; the record of a claim that was lost meanwhile adds to the bill and to nothing else. Writing the same records a
    second time changes nothing, so that a commit of unknown outcome can simply be repeated.
    """
    with database.write() as connection:
        # Locks are taken in the same sequence by everything that changes counts: items, tallies, jobs, each in order.
        fresh = _unwritten(connection, records)
        if not fresh:
            return frozenset()
        attempts = [_attempt_row(record, attempt) for record in fresh for attempt in record.attempts]
        if attempts:
            connection.execute(insert(Attempt), attempts)
        held = _held(connection, fresh)
        _change_items(connection, [record for record in fresh if record.key in held])
        _change_tallies(database, connection, fresh, held)
        _change_jobs(connection, fresh, held)
    return frozenset(held)


def _unwritten(connection: Connection, records: Sequence[ItemRecord]) -> list[ItemRecord]:
    uids = [attempt.uid for record in records for attempt in record.attempts]
    written = set(connection.scalars(select(col(Attempt.uid)).where(col(Attempt.uid).in_(uids)))) if uids else set()
    return [record for record in records if not any(attempt.uid in written for attempt in record.attempts)]


def _attempt_row(record: ItemRecord, attempt: AttemptRecord) -> dict[str, object]:
    row = {name: getattr(attempt, name) for name in AttemptRecord.__dataclass_fields__}
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
        cause=func.coalesce(bindparam("b_cause"), col(Item.cause)),
        claims=case((bindparam("b_clean"), 0), else_=col(Item.claims) - 1),
        lease_token=None,
        lease_until_ms=None,
        available_ms=now_ms() + bindparam("b_delay_ms"),
        reserved_nano_usd=0,
        attempts=col(Item.attempts) + bindparam("b_attempts"),
        cost_nano_usd=col(Item.cost_nano_usd) + bindparam("b_cost"),
        baseline_nano_usd=bindparam("b_baseline"),
        latency_ms=col(Item.latency_ms) + bindparam("b_latency_ms"),
        output=bindparam("b_output"),
        failures=bindparam("b_failures"),
        finished_ms=case((bindparam("b_finished"), now_ms()), else_=None),
    )
)


def _change_items(connection: Connection, records: Sequence[ItemRecord]) -> None:
    if records:
        connection.execute(_FINISH, [_item_values(record) for record in records])


def _item_values(record: ItemRecord) -> dict[str, object]:
    state, tier, cause = ItemState.QUEUED, record.tier, None
    reason, output, failures = None, None, None
    delay_ms, clean = 0, True
    match record.next:
        case Accepted():
            state, output = ItemState.DONE, record.next.output
        case Failed():
            state, reason = ItemState.FAILED, record.next.reason
            output, failures = record.next.output, record.next.failures
        case Escalated():
            tier, cause = record.next.tier, record.next.cause
        case Released():
            delay_ms, clean = record.next.delay_ms, record.next.clean
    return {
        "b_job_id": record.job_id,
        "b_position": record.position,
        "b_state": state,
        "b_fail_reason": reason,
        "b_tier": tier,
        "b_cause": cause,
        "b_clean": clean,
        "b_delay_ms": delay_ms,
        "b_attempts": len(record.attempts),
        "b_cost": record.cost_nano_usd,
        "b_baseline": record.baseline_nano_usd,
        "b_latency_ms": record.latency_ms,
        "b_output": output,
        "b_failures": failures,
        "b_finished": state is not ItemState.QUEUED,
    }


def _change_tallies(
    database: Database, connection: Connection, records: Iterable[ItemRecord], held: Mapping[tuple[int, int], int]
) -> None:
    tiers: defaultdict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    failures: Counter[tuple[int, str, str, str]] = Counter()
    for record in records:
        _count_attempts(tiers, record)
        if record.key in held:
            _count_move(tiers, record)
            failures.update((record.job_id, record.tier, check, name) for check, name in record.failed_checks)
    connection.execute(_ADD_TO_TIER, [_tier_values(key, tiers[key]) for key in sorted(tiers)])
    if failures:
        statement = database.insert(FailureTally)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["job_id", "tier", "check", "field"],
                set_={"count": col(FailureTally.count) + statement.excluded.count},
            ),
            [
                {"job_id": job_id, "tier": tier, "check": check, "field": name, "count": count}
                for (job_id, tier, check, name), count in sorted(failures.items())
            ],
        )


_TIER_COLUMNS = (
    "queued",
    "attempts",
    "accepted",
    "escalated",
    "failed",
    "troubles",
    "input_tokens",
    "output_tokens",
    "estimated_tokens",
    "cost_nano_usd",
)
_ADD_TO_TIER = (
    update(TierTally)
    .where(col(TierTally.job_id) == bindparam("b_job_id"), col(TierTally.tier) == bindparam("b_tier"))
    .values({name: col(getattr(TierTally, name)) + bindparam(f"b_{name}") for name in _TIER_COLUMNS})
)


def _tier_values(key: tuple[int, str], change: Counter[str]) -> dict[str, object]:
    return {"b_job_id": key[0], "b_tier": key[1]} | {f"b_{name}": change[name] for name in _TIER_COLUMNS}


def _count_attempts(tiers: defaultdict[tuple[int, str], Counter[str]], record: ItemRecord) -> None:
    change = tiers[record.job_id, record.tier]
    for attempt in record.attempts:
        change["attempts"] += 1
        change["troubles"] += attempt.outcome is AttemptOutcome.PROVIDER_TROUBLE
        change["input_tokens"] += attempt.input_tokens
        change["output_tokens"] += attempt.output_tokens
        change["cost_nano_usd"] += attempt.cost_nano_usd
        if attempt.tokens_estimated:
            change["estimated_tokens"] += attempt.input_tokens + attempt.output_tokens


def _count_move(tiers: defaultdict[tuple[int, str], Counter[str]], record: ItemRecord) -> None:
    here = tiers[record.job_id, record.tier]
    match record.next:
        case Accepted():
            here.update(accepted=1, queued=-1)
        case Failed():
            here.update(failed=1, queued=-1)
        case Escalated():
            here.update(escalated=1, queued=-1)
            tiers[record.job_id, record.next.tier]["queued"] += 1
        case Released():
            pass


def _change_jobs(connection: Connection, records: Iterable[ItemRecord], held: Mapping[tuple[int, int], int]) -> None:
    jobs: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for record in records:
        change = jobs[record.job_id]
        change["cost"] += record.cost_nano_usd
        if record.key in held:
            change["reserved"] += held[record.key]
            change["done"] += isinstance(record.next, Accepted)
            change["failed"] += isinstance(record.next, Failed)
            change["baseline"] += record.baseline_nano_usd if isinstance(record.next, Accepted | Failed) else 0
    names = ("cost", "reserved", "done", "failed", "baseline")
    connection.execute(
        _ADD_TO_JOB,
        [{"b_job_id": job_id} | {f"b_{name}": jobs[job_id][name] for name in names} for job_id in sorted(jobs)],
    )


_ends = col(Job.items_done) + bindparam("b_done") + col(Job.items_failed) + bindparam("b_failed") == col(
    Job.items_total
)
_ADD_TO_JOB = (
    update(Job)
    .where(col(Job.id) == bindparam("b_job_id"))
    .values(
        cost_nano_usd=col(Job.cost_nano_usd) + bindparam("b_cost"),
        baseline_nano_usd=col(Job.baseline_nano_usd) + bindparam("b_baseline"),
        reserved_nano_usd=col(Job.reserved_nano_usd) - bindparam("b_reserved"),
        items_done=col(Job.items_done) + bindparam("b_done"),
        items_failed=col(Job.items_failed) + bindparam("b_failed"),
        state=case((_ends, JobState.DONE), else_=col(Job.state)),
        finished_ms=case((_ends, now_ms()), else_=col(Job.finished_ms)),
    )
)
