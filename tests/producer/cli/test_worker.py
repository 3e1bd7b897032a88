from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.embedded.redis_server import EmbeddedRedis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def deployment(cheapfirst: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a deployment file, and return the file."""
    monkeypatch.chdir(tmp_path)
    assert cheapfirst("init").code == 0
    return tmp_path / "cheapfirst.yaml"


def test_a_worker_needs_a_broker(cheapfirst: CommandLine) -> None:
    """The error shows what an address looks like."""
    ended = cheapfirst("worker", "cheap")
    assert (ended.code, "redis://:PASSWORD@HOST/0" in ended.err) == (2, True)


def test_a_broker_that_is_away_ends_it_with_3(cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process is started for nothing."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert cheapfirst("worker", "cheap").code == 3


def test_a_worker_never_upgrades_a_ledger(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It says which command does."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    with EmbeddedRedis(tmp_path / "redis") as redis:
        monkeypatch.setenv("REDIS_URL", redis.url)
        ended = cheapfirst("worker", "cheap")
    assert (ended.code, "cheapfirst db upgrade" in ended.err) == (2, True)


def test_a_key_that_is_missing_is_told_at_once(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch, deployment: Path
) -> None:
    """A worker that could only end again is not started."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    deployment.write_text(deployment.read_text().replace("server: offline", "api_key: env:NO_SUCH_KEY"))
    ended = cheapfirst("worker", "cheap")
    assert (ended.code, "NO_SUCH_KEY is not set" in ended.err) == (2, True)


def test_limits_of_the_options_are_checked(cheapfirst: CommandLine) -> None:
    """Nonsense is wrong usage."""
    assert cheapfirst("worker", "cheap", "--concurrency", "0").code == 2
    assert cheapfirst("worker", "cheap", "--chunk", "1001").code == 2
    assert cheapfirst("worker").code == 2
