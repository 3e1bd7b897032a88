"""Point 12: the disk of the ledger, of Redis or of an export is full: it is told, nothing is lost, and work goes on."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from evaluation.model_server.server import Latency
from producer.exports.export import export_results
from producer.exports.formats import FORMATS, Format
from routing.errors import UsageError
from storage import migrate
from storage.database import Database
from tests.faults.oracle import Findings, examine
from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.ended_jobs import LedgerJob, documents
from tests.support.engine_room import engine_room
from tests.support.ledgers import running_job
from tests.support.loopback import answering, loopback
from tests.support.postgres_server import PostgresServer
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


@pytest.mark.timeout(600)
def test_work_goes_on_once_redis_has_space(make_scene: Callable[..., Scene], tmp_path: Path, trial: Trial) -> None:
    """Redis refuses every write meanwhile: a submission is told so, and is published once there is space."""
    with small_disk(4) as disk:
        (tmp_path / "redis").symlink_to(disk.folder)
        scene = make_scene(persistence="everysec", latency_ms=200, cheap=(10, 2), expensive=(5, 1))
        scene.serve("cheap")
        scene.serve("expensive")
        scene.submit(100)
        assert wait_until(lambda: scene.ended() > 0, 60) is not None
        disk.fill()
        assert wait_until(lambda: _refuses(scene), 30) is not None
        refused = scene.place.run("submit", "invoices", "invoices.jsonl", "--name", "another")
        before = scene.ended()
        disk.free()
        recovered_s = wait_until(lambda: scene.ended() > before, 120)
        assert scene.wait_for_the_end()
        findings = scene.examine(recovered_s=recovered_s)
    trial.report(12, "disk of Redis full", findings)
    assert refused.code == 3
    assert "is full" in refused.err
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())


def _long_answer(_: str) -> str:
    return json.dumps({"total": secrets.token_hex(1_500)})


def _refuses(scene: Scene) -> bool:
    with closing(redis.Redis.from_url(scene.redis.url)) as client:
        try:
            client.lpush("nobody", "x" * 10_000)
        except redis.ResponseError as error:
            return str(error).startswith("MISCONF")
    return False


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
