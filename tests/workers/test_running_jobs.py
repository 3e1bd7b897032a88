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

    async def ask() -> tuple[bool | None, bool | None, bool | None]:
        running = RunningJobs(ledger)
        now = monotonic()
        fresh = await running.runs(job, now + LONG_S)  # asked for so lately that no load of the machine makes it old
        return fresh, await running.runs(job, now - TRUST_S), await running.runs(job)

    assert asyncio.run(ask()) == (True, False, False)
