"""Fixtures every folder of tests may use."""

from __future__ import annotations

import json
import random
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import NullPool, create_engine, text

from storage import migrate
from storage.database import Database
from tests.faults.trial import table
from tests.support.postgres_server import PostgresServer, find_binaries
from tests.support.services import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says how busy the machine is; what may not take long is timed by tests of its own.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the options of the fault suite (tests/faults)."""
    group = parser.getgroup("fault suite")
    group.addoption("--faults", choices=["small", "full"], default="small", help="sizes (default: small)")
    group.addoption("--fault-seed", type=int, help="plays the same faults again (default: drawn and printed)")
    group.addoption("--fault-findings", type=Path, help="a file to append each trial's findings to, as a JSON line")


def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed once for all processes of this run, and let them hear Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell has its background jobs ignore Ctrl-C, and all they start with them; some tests send it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.fault_seed is None:
        drawn = random.SystemRandom().randrange(10**6)
        config.option.fault_seed = getattr(config, "workerinput", {}).get("fault_seed", drawn)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's own
    """Tell the seed to a process of pytest-xdist."""
    node.workerinput["fault_seed"] = node.config.option.fault_seed


def pytest_report_header(config: pytest.Config) -> str:
    """Say how the faults of this run are played again."""
    return f"faults: --fault-seed={config.option.fault_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault suite found."""
    lines = [
        json.loads(value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "findings" and report.when == "call"
    ]
    if lines:
        terminalreporter.section("findings of the fault suite")
        for line in table(lines):
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of tests that are coroutines."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test session's own."""
    binaries = find_binaries()
    if binaries is None:
        missing("PostgreSQL", "apt-get install postgresql")
    with PostgresServer(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(
        postgres_server.url("postgres").replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,  # a test may have restarted the server meanwhile
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.url(name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Database]:
    """A migrated ledger, once of each kind."""
    database = Database(ledger_url)
    migrate.upgrade(database)
    yield database
    database.close()


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Database]:
    """A migrated ledger in a file."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate.upgrade(database)
    yield database
    database.close()
