"""Reserving for what was claimed already."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from storage import claims, jobs, paying, sweeping
from storage.claims import Claim
from storage.database import Database
from storage.jobs import JobRecord
from storage.paying import Payment
from storage.reserving import SpendingRules
from storage.tables import Item
from tests.support.ledgers import running_job


def _claim(ledger: Database, job: JobRecord, count: int) -> Claim:
    claim = claims.claim(
        ledger, job_id=job.id, tier="cheap", positions=range(1, count + 1), lease_token="token-1", lease_ms=60_000
    )
    assert claim is not None
    return claim


def _standing(ledger: Database, job: JobRecord) -> list[tuple[str | None, int, int]]:
    query = select(col(Item.lease_token), col(Item.claims), col(Item.reserved_nano_usd)).where(
        col(Item.job_id) == job.id
    )
    with ledger.read() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(col(Item.position)))]


def test_a_claim_under_a_budget_has_to_be_paid(ledger: Database) -> None:
    """It is committed with nothing reserved, so that what happens before counts against its items."""
    job = running_job(ledger, 1, budget=100)
    assert _claim(ledger, job, 1).to_be_paid
    assert _standing(ledger, job) == [("token-1", 1, 0)]
    assert not _claim(ledger, running_job(ledger, 1), 1).to_be_paid


def test_paying_twice_reserves_once(ledger: Database) -> None:
    """A commit whose outcome nobody knows is repeated."""
    job = running_job(ledger, 2, budget=100)
    claim = _claim(ledger, job, 2)
    first = paying.pay(ledger, claim, {1: 40, 2: 40}, SpendingRules())
    second = paying.pay(ledger, claim, {1: 40, 2: 40}, SpendingRules())
    assert first == second == Payment(claim.items)
    assert jobs.find(ledger, job.name).reserved_nano_usd == 80


def test_what_is_not_covered_was_never_claimed(ledger: Database) -> None:
    """It waits for what the covered ones may give back, and no claim is counted."""
    job = running_job(ledger, 2, budget=50)
    payment = paying.pay(ledger, _claim(ledger, job, 2), {1: 40, 2: 40}, SpendingRules())
    assert [item.position for item in payment.items] == [1]
    assert _standing(ledger, job) == [("token-1", 1, 40), (None, 0, 0)]


def test_an_item_without_a_bound_keeps_its_claim(ledger: Database) -> None:
    """What it may cost could not be said: its lease runs out, and the claim counts."""
    job = running_job(ledger, 2, budget=100)
    payment = paying.pay(ledger, _claim(ledger, job, 2), {2: 40}, SpendingRules())
    assert [item.position for item in payment.items] == [2]
    assert _standing(ledger, job) == [("token-1", 1, 0), ("token-1", 1, 40)]


def test_nothing_is_reserved_for_a_lost_lease(ledger: Database) -> None:
    """Another worker may hold the item by now."""
    job = running_job(ledger, 1, budget=100)
    lost = _claim(ledger, job, 1)
    claims.extend(ledger, ["token-1"], -1)
    sweeping.release_expired(ledger)
    assert paying.pay(ledger, lost, {1: 40}, SpendingRules()) == Payment(())
    assert jobs.find(ledger, job.name).reserved_nano_usd == 0


def test_a_job_that_was_cancelled_meanwhile_reserves_nothing(ledger: Database) -> None:
    """Its items go back as they were."""
    job = running_job(ledger, 1, budget=100)
    claim = _claim(ledger, job, 1)
    jobs.cancel(ledger, job.id)
    assert paying.pay(ledger, claim, {1: 40}, SpendingRules()) == Payment(())
    assert _standing(ledger, job) == [(None, 0, 0)]
    assert jobs.find(ledger, job.name).reserved_nano_usd == 0
