"""A command line in a home folder of its own, and the ledger in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.ledger import open_ledger
from tests.support.command_line import CommandLine
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.database import Database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in which nothing is configured but a home folder."""
    for variable in ("DATABASE_URL", "REDIS_URL", "CHEAPFIRST_DEPLOYMENT", "FLOWER_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "home"
    monkeypatch.setenv("CHEAPFIRST_HOME", str(folder))
    return folder


@pytest.fixture
def cheapfirst(home: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line."""
    return CommandLine(capsys)


@pytest.fixture
def home_ledger(home: Path) -> Iterator[Database]:
    """The ledger in the home folder, made."""
    with open_ledger(read_settings(), create=True) as database:
        yield database
