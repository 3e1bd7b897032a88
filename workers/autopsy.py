"""Whom the death of a worker process counts against, by what its black box says.

A death while one item's own code ran counts against that item alone. One while none ran, but a job's task was being
made ready, counts against that job: the third stops it. Any other by SIGKILL came from outside, and counts against
none. Of the rest nobody knows the reason: each counts against everything the process held, as the loss of a whole
machine does.
"""

from __future__ import annotations

import logging
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import dead_workers, jobs
from storage.states import StopReason
from workers.told_item import told

if TYPE_CHECKING:
    from storage.database import Database
    from workers.black_box import LastWords


log = logging.getLogger(__name__)

MAX_DEATHS = 3
"""How many worker processes a job may end by its task alone."""
_ENDS_WORKERS = (
    f"{MAX_DEATHS} worker processes ended, or were ended, while they imported its schema or compiled its task. "
    "Look at what its `schema.py` does outside of its classes, mend it and submit the documents as another job."
)


@dataclass(frozen=True, slots=True)
class Death:
    """A process that is gone: its name, its last words and its exit status (-9 where SIGKILL ended it)."""

    worker: str
    last_words: LastWords
    status: int

    @property
    def acquits(self) -> bool:
        """Whether it is known whom it counts against, so that the rest of what it held is clear of it."""
        is_explained = self.last_words.item is not None or self.guilty_job is not None
        return bool(self.last_words.process) and (is_explained or self.status == -signal.SIGKILL)

    @property
    def guilty_job(self) -> int | None:
        """The job whose task ended the process as it was made ready, None where that is not known."""
        return self.last_words.readied if self.last_words.item is None else None

    def __str__(self) -> str:
        """Say it for the log."""
        said = f"Worker {self.worker} ended with status {self.status}"
        if self.last_words.item is not None:
            return f"{said} while it handled {told(*self.last_words.item)}"
        return said if self.guilty_job is None else f"{said} while it made the task of job {self.guilty_job} ready"


class Autopsies:
    """The deaths that the ledger has still to be told of; one that cannot be reached is told later.

    Those that count against a job are counted here, and forgotten with this process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._untold: list[Death] = []
        self._deaths: Counter[int] = Counter()

    def add(self, death: Death) -> None:
        """Note a death."""
        if death.acquits:
            self._untold.append(death)

    def tell(self) -> None:
        """Tell the ledger of every death it does not know of."""
        while self._untold:
            words, job_id = self._untold[0].last_words, self._untold[0].guilty_job
            try:
                dead_workers.acquit(self._database, words.process, culprit=words.item)
                if job_id is not None:
                    self._count(job_id)
            except CheapfirstError:
                return
            del self._untold[0]

    def _count(self, job_id: int) -> None:
        """Count a death against a job, and stop it at the last one: then it begins anew for whoever resumes it."""
        if self._deaths[job_id] + 1 < MAX_DEATHS:
            self._deaths[job_id] += 1
            return
        if jobs.stop(self._database, job_id, StopReason.TASK_UNUSABLE, _ENDS_WORKERS):
            log.error("Job %d is stopped: %s", job_id, _ENDS_WORKERS)
        del self._deaths[job_id]
