"""The rollouts of the tasks in hand, looked up again every second, so that running jobs follow what people change."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from routing.errors import ServiceUnreachableError
from routing.rollout import standing
from routing.trial import rollout_of_trial
from storage import rollouts
from workers.outage_log import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database

LOOK_EVERY_S = 1.0


class RolloutWatch:
    """Knows how each task's rollout stands, at most a second late. Safe to share between threads."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = monotonic, outages: OutageLog | None = None
    ) -> None:
        self._outages = outages or OutageLog()
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Rollout | None]] = {}

    def get(self, task: FrozenTask) -> Rollout:
        """Return the newest revision, or what the job's own task says where nobody has changed it.

        While the ledger cannot be reached, what was known last holds. A trial's does not change.
        """
        if task.trial is not None:
            return rollout_of_trial(task)
        with self._lock:
            seen_s, newest = self._known.get(task.name, (float("-inf"), None))
            if self._clock() - seen_s >= LOOK_EVERY_S:
                newest = self._look(task.name, newest)
                self._known[task.name] = (self._clock(), newest)
        return standing(newest, task.rollout)

    def _look(self, task_name: str, last: Rollout | None) -> Rollout | None:
        try:
            return rollouts.current(self._database, task_name)
        except ServiceUnreachableError as error:
            self._outages.away(f"The rollout of {task_name} stays as it was", error)
            return last
