from __future__ import annotations

from typing import TYPE_CHECKING

from storage import migrate
from storage.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.command_line import CommandLine


def test_the_ledger_is_upgraded_and_says_its_version(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Upgrading twice is upgrading once."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    assert cheapfirst("db", "version").out == "none\n"
    assert "was upgraded to version" in cheapfirst("db", "upgrade").out
    assert "is at version" in cheapfirst("db", "upgrade").out
    database = Database(url)
    assert cheapfirst("db", "version").out == f"{migrate.version(database)}\n"
    database.close()


def test_a_database_that_is_away_ends_it_with_3(cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password of its address is not printed."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/ledger")
    ended = cheapfirst("db", "upgrade")
    assert (ended.code, "secret" in ended.err, "DATABASE_URL" in ended.err) == (3, False, True)
