"""Point 3: no connection to the ledger is free, as others use them all up or as our own pool is taken."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import psycopg
import pytest
from sqlalchemy import QueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from evaluation.model_server.server import Latency
from routing.errors import ServiceUnreachableError
from storage import migrate
from storage.database import Database
from tests.faults.oracle import Findings, examine
from tests.faults.scene import wait_until
from tests.faults.trial import Trial
from tests.support.engine_room import engine_room
from tests.support.ledgers import running_job
from tests.support.loopback import answering, loopback
from tests.support.postgres_server import PostgresServer

COUNT = 40
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class _Greed:
    """Somebody else who takes the connections the server has to give, until he leaves."""

    def __init__(self, server: PostgresServer, address: str) -> None:
        self._server = server
        self._held = ExitStack()
        self._cutting = self._held.enter_context(closing(psycopg.connect(address, autocommit=True)))

    def take(self, leave: int = 0) -> None:
        """Take all of them but a few."""
        taken = []
        try:
            while True:
                taken.append(psycopg.connect(self._server.url("postgres"), autocommit=True))
        except psycopg.OperationalError as error:
            assert re.search("too many clients|connection slots", str(error)), error  # noqa: PT017 - ends the loop
        for connection in taken[leave:]:
            self._held.enter_context(closing(connection))
        for connection in taken[:leave]:
            connection.close()

    def take_everything(self) -> None:
        """Take all of them, those that the ledger's own users have included."""
        self.take()
        while self._cutting.execute(CUT).rowcount:  # what they get back in between is taken as well
            self.take()

    def leave(self) -> None:
        """Give everything back."""
        self._held.close()


class _Crowd:
    """Threads of this process that hold every connection of its pool, until they leave."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger
        self._held = ExitStack()

    def take_everything(self) -> None:
        """Take all of them."""
        pool = self._ledger.engine.pool
        assert isinstance(pool, QueuePool)
        pool._timeout = 0.2  # rather than half a minute
        with suppress(PoolTimeoutError):
            while True:
                self._held.enter_context(self._ledger.engine.connect())

    def leave(self) -> None:
        """Give everything back."""
        self._held.close()


@pytest.fixture(params=["somebody else", "this process"])
def taker(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, postgres_url: str, ledger_of_few: Database
) -> Iterator[_Greed | _Crowd]:
    """Who takes the connections."""
    if request.param == "this process":
        yield _Crowd(ledger_of_few)
        return
    greed = _Greed(postgres_server, postgres_url)
    greed.take(leave=24)
    yield greed
    greed.leave()


@pytest.fixture
def ledger_of_few(postgres_url: str) -> Iterator[Database]:
    """A migrated ledger on PostgreSQL."""
    with closing(Database(postgres_url)) as ledger:
        migrate.upgrade(ledger)
        yield ledger


def test_results_wait_for_a_connection(
    ledger_of_few: Database, taker: _Greed | _Crowd, trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    """What was paid for meanwhile is kept, told of in plain words, and written as soon as a connection is free."""
    job = running_job(ledger_of_few, COUNT).id
    with (
        loopback({"small": answering('{"total": 9}')}, Latency(3.0)) as server,
        engine_room(ledger_of_few, server.deployment(timeout_s=30), COUNT) as room,
        ThreadPoolExecutor(1) as threads,
        caplog.at_level(logging.WARNING),
    ):
        working = threads.submit(room.pipeline.run_chunk, "cheap", job, range(1, COUNT + 1))
        assert wait_until(lambda: server.server.ledger.in_flight == COUNT, 30) is not None
        taker.take_everything()
        assert wait_until(lambda: "records wait for the ledger" in caplog.text, 30) is not None
        assert not working.done()
        told = caplog.text
        taker.leave()
        assert working.result(60) == COUNT
    names = [f"item-{number}" for number in range(1, COUNT + 1)]
    findings = examine(ledger_of_few, str(job), names, server.server.ledger.as_json())
    trial.report(3, f"every connection used up by {type(taker).__name__[1:].lower()}", findings)
    assert "has no free connection" in told
    assert "cannot be reached" not in told
    assert findings == Findings(0, 0, 0)


def test_a_command_is_told_that_connections_are_used_up(
    postgres_server: PostgresServer, postgres_url: str, ledger_of_few: Database
) -> None:
    """Where the server has none left, the error says so and what to change, and not that it cannot be reached."""
    greed = _Greed(postgres_server, postgres_url)
    greed.take_everything()
    try:
        with pytest.raises(ServiceUnreachableError) as told, ledger_of_few.read():
            pass
    finally:
        greed.leave()
    assert "has no free connection" in str(told.value)
    assert "max_connections" in str(told.value)
