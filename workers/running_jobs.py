"""Whether a job still runs, asked before each call: what was cancelled, paused or stopped is not called any further."""

from __future__ import annotations

import asyncio
import logging
import math
from time import monotonic
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import jobs

if TYPE_CHECKING:
    from storage.database import Database

log = logging.getLogger(__name__)

TRUST_S = 0.2
"""How old the ledger's word may be: no call begins later than this after a job was cancelled."""
_KEPT = 256


class RunningJobs:
    """Asks the ledger, once in `TRUST_S` for each job however many calls begin, and not where a claim just has.

    Lives on the event loop.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looks: dict[int, asyncio.Task[bool | None]] = {}
        self._trusted_until: dict[int, float] = {}
        self._ran_at: dict[int, float] = {}

    def ran(self, job_id: int, asked_at: float) -> None:
        """Take the word of a claim that was asked for at this moment, and found the job running. From any thread."""
        if len(self._ran_at) >= _KEPT:
            for job, at in list(self._ran_at.items()):
                if at + TRUST_S < asked_at:
                    self._ran_at.pop(job, None)
        self._ran_at[job_id] = max(asked_at, self._ran_at.get(job_id, asked_at))

    async def runs(self, job_id: int) -> bool | None:
        """Return whether a job runs, None while the ledger cannot be reached."""
        if monotonic() < self._ran_at.get(job_id, -math.inf) + TRUST_S:
            return True
        look = self._looks.get(job_id)
        if look is None or (look.done() and monotonic() >= self._trusted_until[job_id]):
            if len(self._looks) >= _KEPT:
                self._forget_old()
            # Counted from before the ledger is asked, so that nobody trusts an answer for longer.
            self._trusted_until[job_id] = monotonic() + TRUST_S
            look = self._looks[job_id] = asyncio.create_task(self._look(job_id))
        return await asyncio.shield(look)

    def _forget_old(self) -> None:
        for job_id in [job_id for job_id, look in self._looks.items() if look.done()]:
            del self._looks[job_id], self._trusted_until[job_id]

    async def _look(self, job_id: int) -> bool | None:
        try:
            return await asyncio.to_thread(jobs.is_running, self._database, job_id)
        except CheapfirstError as error:
            log.warning("Nothing is called for job %d just now: %s", job_id, error)
            return None
