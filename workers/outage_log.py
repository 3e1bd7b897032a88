"""What a worker says while a service is away: one line when it goes, one in half a minute, one when it is back.

Several threads of a process ask the ledger each second, and each would tell of its own attempts.
"""

from __future__ import annotations

import logging
import math
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

TELL_AGAIN_S = 30.0


class OutageLog:
    """One for all that ask the same service in a process, the ledger unless `of` says another. Safe to share."""

    def __init__(self, clock: Callable[[], float] = monotonic, of: str = "The ledger") -> None:
        self._of = of
        self._clock = clock
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._tell_at = -math.inf

    @property
    def is_away(self) -> bool:
        """Whether it was away when it was last asked."""
        return self._away_since is not None

    def away(self, what: str, error: object) -> None:
        """Note that something could not be done for want of it; say so where nobody has just now."""
        with self._lock:
            now = self._clock()
            if self._away_since is None:
                self._away_since = now
                self._tell_at = now
            if now < self._tell_at:
                return
            self._tell_at = now + TELL_AGAIN_S
        log.warning("%s, and all else that needs it waits: %s", what, error)

    def back(self) -> None:
        """Note that it answers; say so where it was away."""
        if self._away_since is None:
            return
        with self._lock:
            since, self._away_since = self._away_since, None
        if since is not None:
            log.warning("%s is back after %.0f s", self._of, self._clock() - since)
