from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.run import check_workers
from routing.errors import ServiceUnreachableError
from storage import workers

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database

TIERS = ("cheap", "expensive")


def test_workers_that_end_as_soon_as_they_start_end_the_run(sqlite_ledger: Database, tmp_path: Path) -> None:
    """The last line of their log is told, and where the rest of it is."""
    (tmp_path / "worker-cheap.log").write_text("first\ncheapfirst: no such thing.\n")
    with pytest.raises(ServiceUnreachableError, match="as they start: cheapfirst: no such thing") as error:
        check_workers(sqlite_ledger, 6, TIERS, tmp_path)
    assert str(tmp_path / "worker-cheap.log") in error.value.hint


def test_restarts_are_fine_while_a_worker_runs(sqlite_ledger: Database, tmp_path: Path) -> None:
    """A worker that was killed is replaced, and the run goes on."""
    check_workers(sqlite_ledger, 5, TIERS, tmp_path)
    workers.report(sqlite_ledger, name="w@h", queue="cheap", concurrency=1, in_flight=0, blocked=False, idle_ms=0)
    check_workers(sqlite_ledger, 100, TIERS, tmp_path)
