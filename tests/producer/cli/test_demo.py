from __future__ import annotations

from typing import TYPE_CHECKING

from producer.cli import demo
from storage import jobs
from storage.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.command_line import CommandLine


def test_the_demo_runs_the_shipped_receipts_in_a_home_of_its_own(
    cheapfirst: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It needs nothing that is configured, ends with 0 or 1, and leaves the user's own ledger alone."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/never")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cheapfirst.yaml").write_text("not: the deployment of the example\n")
    ended = cheapfirst("demo")
    assert ended.code in {0, 1}, ended.err
    assert "receipts-" in ended.out
    assert "price from cheapfirst.yaml: borrowed from" in ended.out
    assert "an estimate" in ended.out
    assert "of the labelled fields right in 80 items" in ended.out
    assert f"CHEAPFIRST_HOME={home / 'demo'}" in ended.out
    ledger = Database(f"sqlite:///{home / 'demo' / 'ledger.db'}")
    (job,) = jobs.listing(ledger)
    ledger.close()
    assert job.items_total == 80
    assert not (home / "ledger.db").exists()


def test_without_the_source_the_user_is_told_where_it_is(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The installed package has no examples."""
    monkeypatch.setattr(demo, "DOCUMENTS", tmp_path / "absent")
    ended = cheapfirst("demo")
    assert (ended.code, "Clone the repository" in ended.err) == (2, True)
