from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from producer.cli.progress_view import ProgressView, duration, line, table
from producer.progress import Look, Pace
from storage import progress
from storage.workers import WorkerReport
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database

WORKER = WorkerReport(name="w@host", queue="cheap", concurrency=20, in_flight=3, blocked=False, idle_ms=0, silent_ms=0)


@pytest.fixture
def look(sqlite_ledger: Database) -> Look:
    """A job under way."""
    job = LedgerJob(sqlite_ledger, documents("a", "b", "c", "d"))
    job.accept({})
    job.escalate_and_accept({}, ("rules", ""))
    job.fail({}, ("rules", ""))
    return Look(progress.read(sqlite_ledger, "receipt-1"), Pace(12.34, 95.0))


def test_a_line_has_everything_a_log_needs(look: Look) -> None:
    """Counts of each tier, the pace, the time that is left, the cost and the saving so far."""
    assert line(look) == (
        "receipt-1 running: 3 of 4 | cheap 1 waiting 1 accepted 2 escalated"
        " | expensive 0 waiting 1 accepted 1 failed | 12.3 items/s | ETA 1 min 35 s"
        " | $0.023 spent, about 23% saved"
    )


def test_a_table_adds_the_calls_in_flight(look: Look) -> None:
    """A tier without a worker says so."""
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table(look, [WORKER]))
    text = captured.get()
    assert "3/20" in text
    assert "no worker" in text
    assert "$0.02" in text


def test_a_log_gets_the_first_look_and_the_last(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are rare between them: looks come several times a second."""
    with ProgressView(live=False) as view:
        for _ in range(10):
            view.show(look)
    assert capsys.readouterr().err.splitlines() == [line(look)] * 2


def test_a_terminal_gets_a_table_that_is_drawn_anew(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing goes to stdout, where results and reports go."""
    with ProgressView(live=True) as view:
        view.show(look, [WORKER])
    out, err = capsys.readouterr()
    assert out == ""
    assert "escalated" in err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")],
)
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    """As a person says them."""
    assert duration(seconds) == text
