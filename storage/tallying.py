"""Tallies: what each tier of a job has done, and what failed there, kept by the transaction that records it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update
from sqlmodel import col

from storage.records import Accepted, Escalated, Failed, HeldOut, Measured, Released, Routed
from storage.states import AttemptOutcome
from storage.tables import FailureTally, TierTally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from storage.database import Database
    from storage.records import ItemRecord


def change_tallies(
    database: Database, connection: Connection, records: Iterable[ItemRecord], held: Mapping[tuple[int, int], int]
) -> None:
    """Add what these records did to the tallies of their jobs; only `held` items moved, every call was paid for."""
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
    "routed",
    "review",
    "troubles",
    "cache_hits",
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
        change["cache_hits"] += attempt.cache_hit
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
            here.update(accepted=1, queued=-1, review=int(record.next.needs_review))
        case Failed():
            here.update(failed=1, queued=-1)
        case Routed():
            here.update(routed=1, queued=-1)
            tiers[record.job_id, record.next.tier]["queued"] += 1
        case Escalated():
            here.update(escalated=1, queued=-1)
            tiers[record.job_id, record.next.tier]["queued"] += 1
        case HeldOut():
            here.update(accepted=1, queued=-1)
            tiers[record.job_id, record.next.tier]["queued"] += 1
        case Measured():
            here.update(queued=-1)
        case Released():
            pass
