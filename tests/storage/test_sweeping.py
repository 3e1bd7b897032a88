"""What dead workers held comes back; what kills workers is put aside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage import claims, clock, dead_workers, jobs, progress, results, sweeping
from storage.database import Database
from storage.states import FailReason, JobState
from tests.support.ledgers import claim, running_job
from tests.support.plans import plans


def test_an_expired_lease_is_released_and_claimable(ledger: Database) -> None:
    """The sweeper finds what a killed worker held."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1], lease_ms=-1)
    assert sweeping.release_expired(ledger) == sweeping.Released({"cheap": [(job.id, 1)]}, 0)
    assert sweeping.claimable(ledger, "cheap", 0, 10) == [(job.id, 1), (job.id, 2)]
    assert sweeping.waiting_tiers(ledger) == {"cheap"}


def test_a_live_lease_is_left_alone(ledger: Database) -> None:
    """Nothing is taken from a worker that lives."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1])
    assert sweeping.release_expired(ledger) == sweeping.Released({}, 0)
    assert sweeping.claimable(ledger, "cheap", 0, 10) == []


def test_a_lease_that_ran_out_behind_a_long_write_is_left_to_its_worker(sqlite_ledger: Database) -> None:
    """Its worker could not extend it meanwhile either, and must not lose it to whoever gets the ledger first."""
    job = running_job(sqlite_ledger, 1)
    claim(sqlite_ledger, job.id, [1], lease_ms=1000)
    over_at_ms = clock.read_ms(sqlite_ledger) + 1000
    begins = threading.Event()

    def sweep() -> sweeping.Released:
        begins.set()
        return sweeping.release_expired(sqlite_ledger)

    with ThreadPoolExecutor(1) as pool:
        with sqlite_ledger.write():
            behind = pool.submit(sweep)
            assert begins.wait(30)
            while clock.read_ms(sqlite_ledger) <= over_at_ms:
                assert not behind.done()
        assert behind.result(30) == sweeping.Released({}, 0)
    claims.extend(sqlite_ledger, ["token"], 60_000)
    assert sweeping.release_expired(sqlite_ledger) == sweeping.Released({}, 0)


def test_an_item_claimed_three_times_without_a_record_is_quarantined(ledger: Database) -> None:
    """A poison document fails, and its job goes on to its end."""
    job = running_job(ledger, 1)
    for _ in range(3):
        assert claim(ledger, job.id, [1], lease_ms=-1) is not None
        outcome = sweeping.release_expired(ledger)
    assert outcome == sweeping.Released({}, 1)
    assert results.trail(ledger, job.id, "1").item.fail_reason == FailReason.QUARANTINED
    stands = progress.read(ledger, job.name)
    assert (stands.job.state, stands.tiers[0].failed, stands.tiers[0].queued) == (JobState.DONE, 1, 0)


def test_items_that_became_due_lately_are_not_taken_for_lost(ledger: Database) -> None:
    """A message that was published a moment ago is not published again."""
    running_job(ledger, 1)
    assert sweeping.claimable(ledger, "cheap", 60_000, 10) == []


def test_a_halted_job_needs_no_messages(ledger: Database) -> None:
    """What nobody may claim is not published."""
    job = running_job(ledger, 1)
    jobs.pause(ledger, job.id)
    assert sweeping.claimable(ledger, "cheap", 0, 10) == []
    assert sweeping.waiting_tiers(ledger) == frozenset()


def test_queued_positions_come_in_pages(ledger: Database) -> None:
    """Submit publishes a job of any size piece by piece."""
    job = running_job(ledger, 5)
    assert sweeping.queued_positions(ledger, job.id, "cheap", 0, 2) == [1, 2]
    assert sweeping.queued_positions(ledger, job.id, "cheap", 4, 2) == [5]


def test_what_waits_is_found_behind_a_job_that_is_paused(ledger: Database) -> None:
    """By job, then position, and no more than asked for."""
    paused, first, second = (running_job(ledger, 3, name=name) for name in ("paused", "first", "second"))
    jobs.pause(ledger, paused.id)
    found = [(first.id, 1), (first.id, 2), (first.id, 3), (second.id, 1)]
    assert sweeping.claimable(ledger, "cheap", 0, 4) == found
    assert sweeping.claimable(ledger, "cheap", 0, 3) == found[:3]


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: progress.read(ledger, "1"),
        sweeping.release_expired,
        lambda ledger: dead_workers.acquit(ledger, "gone", None),
    ],
    ids=["status", "expired leases", "what a dead worker held"],
)
def test_what_is_in_flight_is_found_without_reading_the_job(
    ledger: Database, ask: Callable[[Database], object]
) -> None:
    """The key of all items is not walked, on a ledger without statistics either."""
    running_job(ledger, 1)
    steps = [step for step in plans(ledger, lambda: ask(ledger)) if " items" in step]
    assert steps
    assert not [step for step in steps if "autoindex_items" in step or "items_pkey" in step or step == "SCAN items"]
