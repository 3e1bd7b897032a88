from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from producer.worker_health import main, workers_of_host
from storage.database import Database
from storage.migrate import upgrade
from storage.workers import report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = socket.gethostname()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Make a ledger, and say so in the environment."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    with closing(Database(url)) as ledger:
        upgrade(ledger)
        yield ledger


def say_alive(database: Database, name: str) -> None:
    """Report a worker of this name."""
    report(database, name=name, queue="cheap", concurrency=50, in_flight=3, blocked=False, idle_ms=0)


def test_worker_of_this_host_is_healthy(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker of this host that was heard of lately is health, and its figures are told."""
    say_alive(database, f"cheap-1@{HOST}")
    assert main() == 0
    assert capsys.readouterr().out == f"cheap-1@{HOST} cheap: 3 of 50 calls in flight\n"


def test_worker_of_another_host_does_not_count(database: Database) -> None:
    """A container is not healthy because another one is, even one whose name ends alike."""
    say_alive(database, f"cheap-1@another-{HOST}")
    assert workers_of_host(database, HOST) == []
    assert main() == 1


def test_ledger_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a ledger the check fails with one line, not with a traceback."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/missing/ledger.db")
    assert main() == 3
    assert capsys.readouterr().err.startswith("The ledger at sqlite:///")


def test_it_runs_as_a_module(database: Database) -> None:
    """The exit code is what a container engine looks at."""
    command = [sys.executable, "-m", "producer.worker_health"]
    assert subprocess.run(command, check=False).returncode == 1
