"""Point 3: connections to PostgreSQL that are cut in the middle of a commit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from evaluation.model_server.server import Latency
from storage import jobs, migrate, sweeping
from storage.database import Database
from storage.states import JobState
from tests.faults.oracle import Findings, examine
from tests.faults.trial import Trial
from tests.support.commit_cutter import commit_cutter
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import running_job
from tests.support.loopback import answering, loopback

CHUNK = 5
LEASE_S = 1.0


@pytest.mark.timeout(3600)
def test_a_commit_of_unknown_outcome_buys_nothing_again(postgres_url: str, trial: Trial) -> None:
    """Whether it arrived or not, each document is asked for once, billed once, and has one result."""
    count, cuts = trial.size((800, 12), (30_000, 500))
    with (
        closing(Database(postgres_url)) as ledger,
        commit_cutter(postgres_url, trial.random, cuts=cuts, every=2) as (address, cutter),
        closing(Database(address)) as cut_off,
        loopback({"small": answering('{"total": 9}')}, Latency(0.05)) as server,
    ):
        migrate.upgrade(ledger)
        job = running_job(ledger, count).id
        with engine_room(cut_off, server.deployment(lease_s=LEASE_S, timeout_s=30), limit=20) as room:
            while jobs.find(ledger, str(job)).state is not JobState.DONE:
                _work_off(ledger, room, job)
        names = [f"item-{number}" for number in range(1, count + 1)]
        findings = examine(ledger, str(job), names, server.server.ledger.as_json())
        billed = server.billed_nano_usd(server.deployment())
        cost = jobs.find(ledger, str(job)).cost_nano_usd
    made = cutter.made
    fault = "connections cut in the middle of a commit"
    trial.report(3, fault, findings, times=made.total(), unwritten=made["before"], written=made["after"])
    assert made.total() == cuts
    assert findings == Findings(0, 0, 0)
    assert cost == billed


def _work_off(ledger: Database, room: EngineRoom, job: int) -> None:
    """Run everything that is free; what a cut claim took is free again once its lease has run out."""
    sweeping.release_expired(ledger)
    positions = sweeping.queued_positions(ledger, job, "cheap", 0, 100_000)
    chunks = [positions[start : start + CHUNK] for start in range(0, len(positions), CHUNK)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda chunk: room.pipeline.run_chunk("cheap", job, chunk), chunks))
    threading.Event().wait(0.2)
