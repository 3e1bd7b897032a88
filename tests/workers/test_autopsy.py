"""Whom a death counts against."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from storage import sweeping
from storage.database import Database
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
