"""Point 12: the disk of the ledger or of an export is full: it is told, nothing is lost, and work goes on."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from evaluation.model_server.server import Latency
from producer.exports.export import export_results
from producer.exports.formats import FORMATS, Format
from routing.errors import UsageError
from storage import migrate
from storage.database import Database
from tests.faults.oracle import Findings, examine
from tests.faults.scene import wait_until
from tests.faults.trial import Trial
from tests.support.ended_jobs import LedgerJob, documents
from tests.support.engine_room import engine_room
from tests.support.ledgers import running_job
from tests.support.loopback import answering, loopback
from tests.support.postgres_server import PostgresServer, find_binaries
from tests.support.services import missing
from tests.support.small_disk import SmallDisk, small_disk

COUNT = 40


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_to_a_full_disk_leaves_what_was_there(sqlite_ledger: Database, form: Format) -> None:
    """No partial file stays, the error says why, and the same command succeeds once there is space."""
    job = LedgerJob(sqlite_ledger, documents("a"))
    job.accept({"company": "A"})
    with small_disk(1) as disk:
        file = disk.folder / f"results.{form}"
        file.write_text("old")
        disk.fill()
        with pytest.raises(UsageError, match="No space left on device"):
            export_results(sqlite_ledger, job.record.id, form, file)
        assert sorted(path.name for path in disk.folder.iterdir()) == ["filling", file.name]
        assert file.read_text() == "old"
        disk.free()
        assert export_results(sqlite_ledger, job.record.id, form, file) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_results_wait_for_space_in_the_ledger(
    request: pytest.FixtureRequest, trial: Trial, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """What was paid for while the disk is full is kept, told of, and written once there is space."""
    with small_disk(1 if kind == "sqlite" else 32) as disk, _ledger_on(disk, request, kind) as ledger:
        job = running_job(ledger, COUNT).id
        with (
            loopback({"small": answering(_long_answer)}, Latency(1.0)) as server,
            engine_room(ledger, server.deployment(timeout_s=30), COUNT) as room,
            ThreadPoolExecutor(1) as threads,
            caplog.at_level(logging.WARNING),
        ):
            working = threads.submit(room.pipeline.run_chunk, "cheap", job, range(1, COUNT + 1))
            assert wait_until(lambda: server.server.ledger.in_flight == COUNT, 30) is not None
            disk.fill()
            assert wait_until(lambda: "is full" in caplog.text, 30) is not None
            assert not working.done()
            disk.free()
            assert working.result(60) == COUNT
            names = [f"item-{number}" for number in range(1, COUNT + 1)]
            findings = examine(ledger, str(job), names, server.server.ledger.as_json())
    trial.report(12, f"disk of {kind} full", findings)
    assert findings == Findings(0, 0, 0)


@pytest.mark.timeout(300)
def test_a_server_that_ended_for_want_of_room_for_its_log_goes_on_once_it_is_started(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL itself ends there, and does not come back by itself; what was paid for meanwhile is kept."""
    if not trial.full:
        pytest.skip("a server of its own with its log on a small disk: at --faults=full")
    binaries = find_binaries()
    if binaries is None:
        missing("PostgreSQL", "apt-get install postgresql")
    with small_disk(64) as disk, PostgresServer(binaries) as server:
        server.move_log_to(disk.folder / "pg_wal")
        with closing(Database(server.url("postgres"))) as ledger:
            migrate.upgrade(ledger)
            job = running_job(ledger, COUNT).id
            with (
                loopback({"small": answering(_long_answer)}, Latency(2.0)) as models,
                engine_room(ledger, models.deployment(timeout_s=30), COUNT) as room,
                ThreadPoolExecutor(1) as threads,
                caplog.at_level(logging.WARNING),
            ):
                working = threads.submit(room.pipeline.run_chunk, "cheap", job, range(1, COUNT + 1))
                assert wait_until(lambda: models.server.ledger.in_flight == COUNT, 30) is not None
                disk.fill()
                _write_the_log_full(server)
                assert wait_until(lambda: not server.is_running, 60) is not None
                assert wait_until(lambda: "cannot be reached" in caplog.text, 60) is not None
                assert not working.done()
                disk.free()
                server.start()
                assert working.result(60) == COUNT
                names = [f"item-{number}" for number in range(1, COUNT + 1)]
                findings = examine(ledger, str(job), names, models.server.ledger.as_json())
    trial.report(12, "disk of PostgreSQL's write-ahead log full", findings)
    assert findings == Findings(0, 0, 0)


def _write_the_log_full(server: PostgresServer) -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        while True:
            admin.execute("SELECT pg_logical_emit_message(true, 'filling', repeat(md5(random()::text), 30000))")


def _long_answer(_: str) -> str:
    return json.dumps({"total": secrets.token_hex(1_500)})


@contextmanager
def _ledger_on(disk: SmallDisk, request: pytest.FixtureRequest, kind: str) -> Iterator[Database]:
    if kind == "sqlite":
        with closing(Database(f"sqlite:///{disk.folder / 'ledger.db'}")) as ledger:
            migrate.upgrade(ledger)
            yield ledger
        return
    # A tablespace: the server itself goes on, as where data and log have disks of their own.
    server: PostgresServer = request.getfixturevalue("postgres_server")
    folder = disk.folder / "tablespace"
    folder.mkdir()
    if server.user:
        shutil.chown(folder, server.user)
    name = f"small_{secrets.token_hex(8)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        admin.execute(f"CREATE DATABASE {name} TABLESPACE {name}")
        try:
            with closing(Database(server.url(name))) as ledger:
                migrate.upgrade(ledger)
                yield ledger
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP TABLESPACE {name}")
