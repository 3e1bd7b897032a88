"""Tallies: what each tier of a job has done, and what failed there, kept by the transaction that records it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update
from sqlmodel import col

from storage.records import MOVES_ON, Accepted, Escalated, Failed, HeldOut, Measured, Released, Routed
from storage.states import AttemptOutcome
from storage.tables import FailureTally, TierTally
from storage.upserting import adding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed import DataclassInstance
    from sqlalchemy import Connection

    from storage.records import ClaimKey, ItemRecord


_ADD_FAILURES = adding(FailureTally, key=("job_id", "tier", "check", "field"), amounts=("count",))


def change_tallies(connection: Connection, records: Iterable[ItemRecord], held: Mapping[ClaimKey, int]) -> None:
    """Add what these records did to the tallies of their jobs: every call, and the moves of those that are `held`."""
    tiers: defaultdict[tuple[int, str], _TierChange] = defaultdict(_TierChange)
    failures: Counter[tuple[int, str, str, str]] = Counter()
    for record in records:
        _count_attempts(tiers, record)
        if record.claim_key in held:
            _count_move(tiers, record)
            for check, name in record.failed_checks:
                failures[record.job_id, record.tier, check, name] += 1
    connection.execute(_ADD_TO_TIER, [_tier_values(key, tiers[key]) for key in sorted(tiers)])
    if failures:
        connection.execute(
            _ADD_FAILURES(connection),
            [
                {"job_id": job_id, "tier": tier, "check": check, "field": name, "count": count}
                for (job_id, tier, check, name), count in sorted(failures.items())
            ],
        )


@dataclass(slots=True)
class _TierChange:
    """What is added to each column of a tier's tally."""

    queued: int = 0
    attempts: int = 0
    accepted: int = 0
    escalated: int = 0
    failed: int = 0
    routed: int = 0
    review: int = 0
    troubles: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_tokens: int = 0
    cost_nano_usd: int = 0


_TIER_COLUMNS = tuple(field.name for field in fields(_TierChange))
_ADD_TO_TIER = (
    update(TierTally)
    .where(col(TierTally.job_id) == bindparam("b_job_id"), col(TierTally.tier) == bindparam("b_tier"))
    .values({name: col(getattr(TierTally, name)) + bindparam(f"b_{name}") for name in _TIER_COLUMNS})
)


def _tier_values(key: tuple[int, str], change: _TierChange) -> dict[str, object]:
    return {"b_job_id": key[0], "b_tier": key[1]} | parameters(change)


def parameters(change: DataclassInstance) -> dict[str, object]:
    """Return what a change adds to each column, as the parameters of its statement: `b_` and the column's name."""
    return {f"b_{field.name}": getattr(change, field.name) for field in fields(change)}


def _count_attempts(tiers: defaultdict[tuple[int, str], _TierChange], record: ItemRecord) -> None:
    change = tiers[record.job_id, record.tier]
    for attempt in record.attempts:
        change.attempts += 1
        change.cache_hits += attempt.cache_hit
        change.troubles += attempt.outcome is AttemptOutcome.PROVIDER_TROUBLE
        change.input_tokens += attempt.input_tokens
        change.output_tokens += attempt.output_tokens
        change.cost_nano_usd += attempt.cost_nano_usd
        if attempt.tokens_estimated:
            change.estimated_tokens += attempt.input_tokens + attempt.output_tokens


def _count_move(tiers: defaultdict[tuple[int, str], _TierChange], record: ItemRecord) -> None:
    here, following = tiers[record.job_id, record.tier], record.next
    if isinstance(following, Released):
        return
    here.queued -= 1
    match following:
        case Accepted():
            here.accepted += 1
            here.review += following.needs_review
        case Failed():
            here.failed += 1
        case Routed():
            here.routed += 1
        case Escalated():
            here.escalated += 1
        case HeldOut():
            here.accepted += 1
        case Measured():
            pass
    if isinstance(following, MOVES_ON):
        tiers[record.job_id, following.tier].queued += 1
