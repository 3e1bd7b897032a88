"""No call begins that a budget would not pay for, and what follows where one is used up."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlmodel import col

from routing.money import NanoUsd
from routing.task import OnExceed
from storage import jobs, progress, recording
from storage.database import Database
from storage.records import Accepted, Escalated, Failed, ItemRecord
from storage.reserving import DAY_MS, DayBudget, SpendingRules, spent_today
from storage.states import FailReason, JobState, StopReason
from storage.tables import Job
from tests.support.ledgers import attempt, claim, running_job


def _accept(ledger: Database, job_id: int, position: int, cost: int, token: str = "token") -> None:
    record = ItemRecord(job_id, position, "cheap", token, Accepted("{}"), (attempt(cost=cost),))
    recording.write(ledger, [record])


def _escalate(ledger: Database, job_id: int, position: int, cost: int) -> None:
    up = Escalated("expensive", "verdict_failed", output='{"total": 1}', failures='[{"check": "rules"}]')
    recording.write(ledger, [ItemRecord(job_id, position, "cheap", "token", up, (attempt(cost=cost),))])


def test_a_job_that_pauses_keeps_its_items_queued(ledger: Database) -> None:
    """`pause`: what is not paid for waits for a larger budget."""
    job = running_job(ledger, 3, budget=100)
    assert claim(ledger, job.id, [1], bound=80) is not None
    _accept(ledger, job.id, 1, 80)
    assert claim(ledger, job.id, [2, 3], bound=80) is None
    stopped = jobs.find(ledger, job.name)
    assert (stopped.state, stopped.stop_reason, stopped.items_open) == (JobState.STOPPED, StopReason.BUDGET, 2)


def test_a_job_that_fails_hands_over_what_no_budget_pays_for(ledger: Database) -> None:
    """`fail`: such items are leased to be ended, and nothing is reserved for them."""
    job = running_job(ledger, 3, budget=100)
    claim(ledger, job.id, [1], bound=80)
    rules = SpendingRules(OnExceed.FAIL)
    assert claim(ledger, job.id, [2], bound=80, rules=rules) is None, "money may come back from the first"
    _accept(ledger, job.id, 1, 80)
    got = claim(ledger, job.id, [2, 3], bound=80, rules=rules)
    assert got is not None
    assert ([item.position for item in got.items], [item.position for item in got.unpaid]) == ([], [2, 3])
    standing = jobs.find(ledger, job.name)
    assert (standing.state, standing.reserved_nano_usd) == (JobState.RUNNING, 0)


def test_cheap_only_keeps_money_for_the_first_tier(ledger: Database) -> None:
    """A later tier may not spend what waiting cheap items need; once none wait, what is left is its own."""
    job = running_job(ledger, 3, budget=100)
    claim(ledger, job.id, [1], bound=10)
    _escalate(ledger, job.id, 1, 10)
    rules = SpendingRules(OnExceed.CHEAP_ONLY)
    assert claim(ledger, job.id, [1], tier="expensive", bound=75, rules=rules) is None, (
        "two cheap items wait, at 10 each"
    )
    claim(ledger, job.id, [2, 3], bound=10)
    _accept(ledger, job.id, 2, 5)
    _accept(ledger, job.id, 3, 5)
    got = claim(ledger, job.id, [1], tier="expensive", bound=75, rules=rules)
    assert got is not None
    assert len(got.items) == 1


def test_cheap_only_ends_what_needs_a_later_tier(ledger: Database) -> None:
    """Its cheap answer and why that failed stay with it, for a person to look at."""
    job = running_job(ledger, 1, budget=50)
    claim(ledger, job.id, [1], bound=10)
    _escalate(ledger, job.id, 1, 10)
    got = claim(ledger, job.id, [1], tier="expensive", bound=75, rules=SpendingRules(OnExceed.CHEAP_ONLY))
    assert got is not None
    assert len(got.unpaid) == 1
    failed = Failed(FailReason.BUDGET, None, "[]")
    recording.write(ledger, [ItemRecord(job.id, 1, "expensive", "token", failed, (), decisions=())])
    standing = progress.read(ledger, job.name)
    assert (standing.job.state, standing.job.items_failed) == (JobState.DONE, 1)
    from storage import results

    item = results.trail(ledger, job.id, "1").item
    assert (item.output, item.failures) == ('{"total": 1}', '[{"check": "rules"}]')


def test_cheap_only_never_ends_an_item_of_the_first_tier(ledger: Database) -> None:
    """Where even a cheap call is not paid for, the job stops."""
    job = running_job(ledger, 2, budget=50)
    assert claim(ledger, job.id, [1], bound=75, rules=SpendingRules(OnExceed.CHEAP_ONLY)) is None
    assert jobs.find(ledger, job.name).stop_reason == StopReason.BUDGET


def test_the_days_budget_holds_over_all_jobs(ledger: Database) -> None:
    """What one job spent and another has reserved is gone for both."""
    first, second = running_job(ledger, 3), running_job(ledger, 3)
    rules = SpendingRules(day=DayBudget(NanoUsd(100), OnExceed.PAUSE))
    claim(ledger, first.id, [1], bound=40, rules=rules)
    _accept(ledger, first.id, 1, 30)
    assert spent_today(ledger) == 30
    assert claim(ledger, second.id, [1], token="other", bound=40, rules=rules) is not None
    assert claim(ledger, first.id, [2], bound=40, rules=rules) is None
    assert jobs.find(ledger, first.name).state is JobState.RUNNING, "what the other reserved may come back"
    _accept(ledger, second.id, 1, 40, "other")
    assert claim(ledger, first.id, [2], bound=40, rules=rules) is None
    stopped = jobs.find(ledger, first.name)
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.DAY_BUDGET)


def test_a_job_the_day_stopped_goes_on_the_next_day(ledger: Database) -> None:
    """Not before midnight, and not what a job's own budget stopped."""
    day, own = running_job(ledger, 1), running_job(ledger, 1, budget=1)
    claim(ledger, day.id, [1], bound=40, rules=SpendingRules(day=DayBudget(NanoUsd(1), OnExceed.PAUSE)))
    claim(ledger, own.id, [1], bound=40)
    assert jobs.resume_on_new_day(ledger) == 0
    with ledger.write() as connection:
        connection.execute(update(Job).values(stopped_ms=col(Job.stopped_ms) - DAY_MS))
    assert jobs.resume_on_new_day(ledger) == 1
    assert jobs.find(ledger, day.name).state is JobState.RUNNING
    assert jobs.find(ledger, own.name).state is JobState.STOPPED


@pytest.mark.parametrize("on_exceed", [OnExceed.FAIL, OnExceed.CHEAP_ONLY])
def test_an_unpaid_claim_counts_no_money(ledger: Database, on_exceed: OnExceed) -> None:
    """Items a day's budget ends leave what is reserved at nothing."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], bound=0)
    _escalate(ledger, job.id, 1, 10)
    got = claim(
        ledger, job.id, [1], tier="expensive", bound=40, rules=SpendingRules(day=DayBudget(NanoUsd(20), on_exceed))
    )
    assert got is not None
    assert len(got.unpaid) == 1
    assert jobs.find(ledger, job.name).reserved_nano_usd == 0
