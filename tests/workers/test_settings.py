"""The environment is read once, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing.errors import UsageError
from workers.settings import read_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "CHEAPFIRST_HOME", "CHEAPFIRST_DEPLOYMENT", "CHEAPFIRST_CHUNK"):
        monkeypatch.delenv(name, raising=False)


def test_without_anything_the_ledger_is_a_file_under_home() -> None:
    """Nothing has to be configured to begin."""
    settings = read_settings()
    assert settings.database_url == f"sqlite:///{Path('.cheapfirst/ledger.db')}"
    assert settings.redis_url is None


def test_addresses_come_from_the_environment_and_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords in addresses stay out of every representation."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hidden@host/db")
    monkeypatch.setenv("REDIS_URL", "redis://:hidden@host/0")
    settings = read_settings()
    assert settings.database_url == "postgresql://me:hidden@host/db"
    assert "hidden" not in repr(settings)


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose passes empty variables; they mean nothing."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("SOME_KEY", "")
    settings = read_settings()
    assert settings.database_url.startswith("sqlite:")
    assert settings.key("SOME_KEY") is None


def test_servers_and_keys_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback servers are told by variables, keys are named by the deployment file."""
    monkeypatch.setenv("CHEAPFIRST_SERVER_OFFLINE", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("SOME_KEY", "secret")
    settings = read_settings()
    assert settings.server_urls["offline"] == "http://127.0.0.1:1/v1"
    key = settings.key("SOME_KEY")
    assert key is not None
    assert (key.get_secret_value(), "secret" in repr(key)) == ("secret", False)


def test_a_variable_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set it wrong learns which one."""
    monkeypatch.setenv("CHEAPFIRST_CHUNK", "many")
    with pytest.raises(UsageError, match="CHEAPFIRST_CHUNK"):
        read_settings()
