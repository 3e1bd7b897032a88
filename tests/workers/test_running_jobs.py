"""Whether a job runs is asked of the ledger, and a claim has asked it."""

from __future__ import annotations

import asyncio
from time import monotonic

from storage import jobs
from storage.database import Database
from tests.support.ledgers import running_job
from workers.running_jobs import TRUST_S, RunningJobs

LONG_S = 3_600.0


def test_a_claim_of_this_moment_is_the_ledgers_word(ledger: Database) -> None:
    """The ledger is not asked again for as long as its word is trusted; later it is."""
    job = running_job(ledger, 1).id
    jobs.cancel(ledger, job)

    async def ask(asked_at: float | None) -> bool | None:
        running = RunningJobs(ledger)
        if asked_at is not None:
            running.ran(job, asked_at)
            running.ran(job, asked_at - 1)  # the answer to an earlier claim, which came later
        return await running.runs(job)

    now = monotonic()
    assert asyncio.run(ask(now + LONG_S)) is True  # asked for so lately that no load of the machine makes it old
    assert asyncio.run(ask(now - TRUST_S)) is False
    assert asyncio.run(ask(None)) is False


def test_what_claims_said_long_ago_is_forgotten(ledger: Database) -> None:
    """A process that works off many small jobs does not remember them all."""
    running = RunningJobs(ledger)
    for job in range(1_000):
        running.ran(job, float(job))
    assert len(running._ran_at) < 1_000
