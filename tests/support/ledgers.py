"""Jobs for tests of what happens in the ledger."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.task import BudgetSpec, FrozenTask, JsonSchema, TierSpec
from storage import claims, jobs, paying
from storage.records import AttemptRecord
from storage.reserving import SpendingRules
from storage.states import AttemptOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.claims import ClaimedItem
    from storage.database import Database
    from storage.jobs import JobRecord

TASK = FrozenTask(
    name="receipts",
    output=JsonSchema(json_schema={"type": "object"}),
    tiers=(
        TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
    ),
    budget=BudgetSpec(),
)
TIERS = ("cheap", "expensive")


def new_items(count: int, tier: str = "cheap") -> list[jobs.NewItem]:
    """Return `count` items named item-1 and so on."""
    return [jobs.NewItem(f"item-{number}", tier, f"text {number}", "{}", None, None) for number in range(1, count + 1)]


def running_job(
    database: Database, count: int, *, budget: int | None = None, name: str = "", task: FrozenTask = TASK
) -> JobRecord:
    """Return a job of `count` items that is open for claims."""
    job = jobs.create(
        database,
        name=name or uuid.uuid4().hex,
        task=task,
        content_hash="content",
        items_total=count,
        budget=budget,
        item_budget=None,
    )
    jobs.add_items(database, job.id, 1, new_items(count))
    jobs.open_job(database, job.id, TIERS)
    return jobs.find(database, job.name)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a worker may call of what it claimed, and what it is to end without a call."""

    items: tuple[ClaimedItem, ...]
    unpaid: tuple[ClaimedItem, ...]


def claim(
    database: Database,
    job_id: int,
    positions: Sequence[int],
    *,
    tier: str = "cheap",
    token: str = "token",
    lease_ms: int = 60_000,
    bound: int = 0,
    rules: SpendingRules | None = None,
) -> Taken | None:
    """Claim items as a worker would, and reserve `bound` for each where there is a budget."""
    rules = rules or SpendingRules()
    claimed = claims.claim(
        database,
        job_id=job_id,
        tier=tier,
        positions=positions,
        lease_token=token,
        lease_ms=lease_ms,
        has_day_budget=rules.day is not None,
    )
    if claimed is None:
        return None
    if not claimed.to_be_paid:
        return Taken(claimed.items, ())
    payment = paying.pay(database, claimed, {item.position: bound for item in claimed.items}, rules)
    return Taken(payment.items, payment.unpaid) if payment.items or payment.unpaid else None


def attempt(*, cost: int = 0, tier: str = "cheap", outcome: AttemptOutcome = AttemptOutcome.ACCEPTED) -> AttemptRecord:
    """Return a call that cost so many nano-dollars."""
    return AttemptRecord(
        uid=uuid.uuid4(),
        tier=tier,
        model="small",
        layer="default",
        cause="first_tier",
        outcome=outcome,
        started_ms=1,
        cost_nano_usd=cost,
    )
