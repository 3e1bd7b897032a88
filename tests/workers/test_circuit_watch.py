"""A job whose cheap model is broken stops before the expensive bill grows."""

from __future__ import annotations

from sqlalchemy import update

from storage import jobs, live_items
from storage.database import Database
from storage.states import JobState, StopReason
from storage.tables import TierTally
from tests.support.ledgers import TASK, running_job
from workers.circuit_watch import CircuitWatch


def _count(ledger: Database, accepted: int, escalated: int) -> None:
    with ledger.write() as connection:
        tally = update(TierTally).where(TierTally.tier == "cheap")  # type: ignore[arg-type]
        connection.execute(tally.values(accepted=accepted, escalated=escalated))


def test_a_job_stops_with_what_happened_and_what_to_do(ledger: Database) -> None:
    """And goes on when a person says so, with a window of its own."""
    job = running_job(ledger, 1000)
    watch = CircuitWatch(ledger)
    watch.look()
    _count(ledger, 3, 147)
    watch.look()
    assert jobs.find(ledger, job.name).state is JobState.RUNNING
    _count(ledger, 3, 247)
    watch.look()
    stopped = jobs.find(ledger, job.name)
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.ESCALATIONS)
    assert "247 of the last 250 verdicts of cheap" in stopped.stop_detail
    assert "cheapfirst retry" in stopped.stop_detail
    jobs.resume(ledger, job.id)
    watch.look()
    watch.look()
    assert jobs.find(ledger, job.name).state is JobState.RUNNING


def test_what_came_before_the_first_look_counts(ledger: Database) -> None:
    """A job that escalated everything before anybody looked stops at once; one that was let go on does not."""
    job = running_job(ledger, 1000)
    _count(ledger, 0, 300)
    CircuitWatch(ledger).look()
    assert "300 of the last 300 verdicts" in jobs.find(ledger, job.name).stop_detail
    jobs.resume(ledger, job.id)
    CircuitWatch(ledger).look()
    assert jobs.find(ledger, job.name).state is JobState.RUNNING


def test_a_cascade_that_escalates_half_of_its_items_goes_on(ledger: Database) -> None:
    """That is what a cascade is for."""
    job = running_job(ledger, 1000)
    watch = CircuitWatch(ledger)
    for done in range(0, 1000, 100):
        _count(ledger, done, done)
        watch.look()
    assert jobs.find(ledger, job.name).state is JobState.RUNNING


def test_a_live_job_between_two_items_is_watched_too(ledger: Database) -> None:
    """It is done whenever nobody asks; let go on, it is done again rather than running for ever."""
    job = live_items.open_job(ledger, name="live", task=TASK, budget=None, item_budget=None)
    watch = CircuitWatch(ledger)
    watch.look()
    _count(ledger, 0, 200)
    watch.look()
    assert jobs.find(ledger, "live").stop_reason is StopReason.ESCALATIONS
    assert jobs.resume(ledger, job.id)
    assert jobs.find(ledger, "live").state is JobState.DONE
