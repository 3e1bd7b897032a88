"""Celery started by hand, two worker processes for each queue, on a real Redis and a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import redis

from producer.embedded.redis_server import EmbeddedRedis
from storage import jobs, progress
from storage.database import Database
from storage.states import JobState
from tests.support.runs import Workplace, first_task, slow_engines

ITEMS = 300


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", ["none", "kill -9 a worker", "FLUSHALL"])
def test_two_workers_for_each_queue_end_a_job(tmp_path: Path, postgres_url: str, fault: str) -> None:
    """Every document has one result, whatever becomes of a worker or of the broker's messages on the way."""
    (tmp_path / "place").mkdir()
    with ExitStack() as services:
        broker = services.enter_context(EmbeddedRedis(tmp_path / "redis"))
        place = Workplace(
            first_task(tmp_path / "place").folder, {"REDIS_URL": broker.url, "DATABASE_URL": postgres_url}
        )
        deployment = place.folder / "cheapfirst.yaml"
        deployment.write_text(f"{deployment.read_text()}\nworkers: {{lease_s: 3}}\n")
        place.invoices(ITEMS)
        assert place.run("db", "upgrade").code == 0
        served, _ = services.enter_context(slow_engines(place, latency_ms=200))
        workers = [
            served.start("-Q", queue, "-n", f"{queue}{number}@%h", "-c", "10", command=_CELERY)
            for queue in ("cheap", "expensive")
            for number in (1, 2)
        ]
        for worker in workers:
            services.callback(_end, worker)
        job = served.run("submit", "invoices", "invoices.jsonl", "--json").json["job"]
        ledger = services.enter_context(closing(Database(postgres_url)))
        _until(ledger, job, 30)
        if fault == "kill -9 a worker":
            os.kill(workers[0].pid, signal.SIGKILL)
        elif fault == "FLUSHALL":
            with redis.Redis.from_url(broker.url) as client:
                client.flushall()
        assert served.run("status", job, "--watch").code == 0
        stands = progress.read(ledger, job)
    assert (stands.job.state, stands.job.items_done, stands.in_flight) == (JobState.DONE, ITEMS, 0)
    assert sum(tier.accepted for tier in stands.tiers) == ITEMS
    assert all(tier.queued == 0 for tier in stands.tiers)


_CELERY = (sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-E")


def _until(ledger: Database, job: str, done: int) -> None:
    pause = threading.Event()
    while jobs.find(ledger, job).items_done < done:
        pause.wait(0.05)


def _end(worker: subprocess.Popen[str]) -> None:
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
