"""What acts by itself on active jobs: circuits, conditions of canaries, the cache's limits, drift, a new day."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from storage import jobs, roles
from workers.cache_pruning import CachePruning
from workers.canary_watch import CanaryWatch
from workers.circuit_watch import CircuitWatch
from workers.drift_watch import DriftWatch

if TYPE_CHECKING:
    from storage.database import Database

log = logging.getLogger(__name__)

WATCH_S = 2.0
ROLE_LEASE_MS = 6_000
"""How long a duty is kept by a process that is not heard of: what dead workers held waits for it as well."""


class Watches:
    """Looked at every `WATCH_S` by every process that calls models; one of them at a time acts."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._circuits = CircuitWatch(database)
        self._canaries = CanaryWatch(database)
        self._cache = CachePruning(database)
        self._drift = DriftWatch(database)

    def look(self) -> None:
        """Act where something is to be done. Raises ServiceUnreachableError."""
        if not roles.hold(self._database, "watches", self._name, ROLE_LEASE_MS):
            return
        self._circuits.look()
        self._canaries.look()
        self._cache.look()
        self._drift.look()
        resumed = jobs.resume_on_new_day(self._database)
        if resumed:
            log.info("A new day: %d jobs that the budget of the last one stopped go on", resumed)
