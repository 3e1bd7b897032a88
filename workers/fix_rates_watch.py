"""What was learned of escalations, looked up again now and then."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from storage import fixes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from routing.benefit import FixRates
    from storage.database import Database

LOOK_EVERY_S = 5.0


class FixRatesWatch:
    """Knows the fix rates of each task, by (model that failed, next model). Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Mapping[tuple[str, str], FixRates]]] = {}

    def get(self, task_name: str) -> Mapping[tuple[str, str], FixRates]:
        """Return the rates, a few seconds old at most. Raises ServiceUnreachableError without the ledger."""
        with self._lock:
            seen_s, rates = self._known.get(task_name, (float("-inf"), {}))
            if self._clock() - seen_s >= LOOK_EVERY_S:
                rates = fixes.fix_rates(self._database, task_name)
                self._known[task_name] = (self._clock(), rates)
        return rates
