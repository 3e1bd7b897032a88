"""Tasks compiled once per process: templates, schemas and rules are costly to prepare and the same for every item."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from routing.compiled_task import CompiledTask
from storage import jobs

if TYPE_CHECKING:
    from storage.database import Database

_KEPT = 64


class TaskCache:
    """The tasks of the jobs seen lately. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._tasks: OrderedDict[int, CompiledTask] = OrderedDict()

    def get(self, job_id: int) -> CompiledTask:
        """Return the task of a job. Raises a CheapfirstError where it has none, or one that does not compile here."""
        with self._lock:
            task = self._tasks.get(job_id)
            if task is None:
                task = self._tasks[job_id] = CompiledTask(jobs.frozen_task(self._database, job_id))
            self._tasks.move_to_end(job_id)
            if len(self._tasks) > _KEPT:
                self._tasks.popitem(last=False)
            return task
