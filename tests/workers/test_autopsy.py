"""Whom a death counts against."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from storage import jobs, sweeping
from storage.database import Database
from storage.states import JobState, StopReason
from storage.tables import Item
from tests.support.ledgers import claim, running_job
from workers.autopsy import Autopsies, Death
from workers.black_box import LastWords


@pytest.mark.parametrize(
    ("item", "status", "acquits"),
    [
        ((1, 2), -signal.SIGKILL, True),
        ((1, 2), 70, True),
        (None, -signal.SIGKILL, True),  # from outside: no item's own code ran
        (None, -signal.SIGSEGV, False),
        (None, 70, False),
    ],
)
def test_a_death_whose_reason_nobody_knows_counts_against_everything(
    item: tuple[int, int] | None, status: int, *, acquits: bool
) -> None:
    """Where an item's code ran, or SIGKILL came from outside, it is known."""
    assert Death("cheap", LastWords("abc", item), status).acquits == acquits
    assert not Death("cheap", LastWords("", item), status).acquits  # it died before it had claimed anything


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGSEGV, 70])
def test_a_death_while_a_task_is_made_ready_counts_against_its_job(status: int) -> None:
    """However it ended; not where an item's code ran beside it, which is blamed then."""
    alone = Death("cheap", LastWords("abc", None, readied=4), status)
    beside = Death("cheap", LastWords("abc", (1, 2), readied=4), status)
    assert (alone.guilty_job, alone.acquits) == (4, True)
    assert (beside.guilty_job, beside.acquits) == (None, True)
    assert str(alone) == f"Worker cheap ended with status {status} while it made the task of job 4 ready"


def test_the_third_death_of_its_making_stops_a_job(sqlite_ledger: Database) -> None:
    """What the processes held comes back uncounted, other jobs run on, and one that is resumed has three more."""
    guilty, other = running_job(sqlite_ledger, 1), running_job(sqlite_ledger, 1)
    claim(sqlite_ledger, other.id, [1], token="abc-1")
    autopsies = Autopsies(sqlite_ledger)

    def states_after(job_id: int) -> list[JobState]:
        autopsies.add(Death("cheap", LastWords("abc", None, readied=job_id), 70))
        autopsies.tell()
        return [jobs.find(sqlite_ledger, str(job.id)).state for job in (guilty, other)]

    running, stopped = JobState.RUNNING, JobState.STOPPED
    for _ in range(2):
        assert states_after(guilty.id) == [running, running]
        assert states_after(other.id) == [running, running]
        assert states_after(guilty.id) == [running, running]
        assert states_after(guilty.id) == [stopped, running]
        found = jobs.find(sqlite_ledger, str(guilty.id))
        assert found.stop_reason is StopReason.TASK_UNUSABLE
        assert "3 worker processes ended" in found.stop_detail
        jobs.resume(sqlite_ledger, guilty.id)
    assert sweeping.release_expired(sqlite_ledger).requeued == {"cheap": [(other.id, 1)]}
    with sqlite_ledger.read() as connection:
        assert connection.scalar(select(col(Item.claims)).where(col(Item.job_id) == other.id)) == 0


def test_the_log_says_what_was_handled() -> None:
    """By its numbers, never by its text."""
    assert str(Death("cheap", LastWords("abc", (3, 7)), -9)) == (
        "Worker cheap ended with status -9 while it handled job 3 item 7 (`cheapfirst show 7 --job 3`)"
    )
    assert str(Death("cheap", LastWords("abc", None), 1)) == "Worker cheap ended with status 1"


def test_a_ledger_that_was_away_is_told_later(sqlite_ledger: Database, tmp_path: Path) -> None:
    """Nothing is forgotten meanwhile."""
    job = running_job(sqlite_ledger, 1)
    claim(sqlite_ledger, job.id, [1], token="abc-1")
    autopsies = Autopsies(sqlite_ledger)
    autopsies.add(Death("cheap", LastWords("abc", None), -signal.SIGKILL))
    sqlite_ledger.close()
    tmp_path.rename(tmp_path.with_name("away"))
    autopsies.tell()
    tmp_path.with_name("away").rename(tmp_path)
    assert sweeping.release_expired(sqlite_ledger).requeued == {}
    autopsies.tell()
    assert sweeping.release_expired(sqlite_ledger).requeued == {"cheap": [(job.id, 1)]}
