from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.progress import PACE_WINDOW_S, Pace, PaceMeter, average_pace, watch
from producer.saving import saved_fraction
from storage import jobs, progress
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from storage.jobs import JobRecord


@pytest.fixture
def job(sqlite_ledger: Database) -> JobRecord:
    """A job of 100 items."""
    return LedgerJob(sqlite_ledger, documents(*(str(number) for number in range(100)))).record


def test_the_pace_is_that_of_the_last_seconds(job: JobRecord) -> None:
    """A slow beginning is forgotten, and the time that is left follows from what goes on now."""
    meter = PaceMeter()
    assert meter.look(job, 0) == Pace(None, None)
    assert meter.look(replace(job, items_done=10), 10) == Pace(1.0, 90.0)
    assert meter.look(replace(job, items_done=20), 10 + PACE_WINDOW_S) == Pace(0.5, 160.0)
    assert meter.look(replace(job, items_done=60), 20 + PACE_WINDOW_S) == Pace(round(50 / 30, 2), 24.0)


def test_a_standstill_has_no_pace(job: JobRecord) -> None:
    """No time is guessed where nothing ended."""
    meter = PaceMeter()
    meter.look(job, 0)
    assert meter.look(job, 5) == Pace(None, None)


def test_a_single_look_tells_the_average(sqlite_ledger: Database, job: JobRecord) -> None:
    """Items over the time since the job was submitted."""
    standing = progress.read(sqlite_ledger, job.name)
    looked = replace(standing, job=replace(job, items_done=30, items_failed=20), elapsed_ms=10_000)
    assert average_pace(looked) == Pace(5.0, 10.0)


def test_watching_looks_until_the_job_has_ended(sqlite_ledger: Database, job: JobRecord) -> None:
    """The last look shows the end."""
    waits: list[float] = []

    def cancel_later(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            jobs.cancel(sqlite_ledger, job.id)

    looks = list(watch(sqlite_ledger, job.name, 0.5, cancel_later, lambda: float(len(waits))))
    assert [str(look.progress.job.state) for look in looks] == ["running", "running", "cancelled"]
    assert waits == [0.5, 0.5]


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_what_is_saved_and_what_is_spent_make_the_baseline(cost: int, baseline: int) -> None:
    """The share is 1 for nothing spent, 0 for as much as the baseline, negative for more."""
    saved = saved_fraction(cost, baseline)
    assert saved is not None
    assert saved == pytest.approx(1 - cost / baseline, abs=1e-6)


def test_nothing_is_saved_without_a_baseline() -> None:
    """No figure is better than a made-up one."""
    assert saved_fraction(5, 0) is None
