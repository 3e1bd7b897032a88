"""Keeps the answer cache within its limits, as the sweeper goes round."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from storage import answer_cache, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 60.0
_MB = 1_000_000


class CachePruning:
    """Drops what is too old, and the oldest of tasks that keep too much, once a minute."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._pruned_s = float("-inf")

    def look(self) -> None:
        """Prune where a minute has passed since the last time."""
        if self._clock() - self._pruned_s < PRUNE_EVERY_S:
            return
        self._pruned_s = self._clock()
        dropped = answer_cache.drop_expired(self._database)
        for task in jobs.active_tasks(self._database):
            dropped += answer_cache.drop_beyond(self._database, task.name, task.cache.max_mb * _MB)
        if dropped:
            log.info("Dropped %d answers from the cache", dropped)
