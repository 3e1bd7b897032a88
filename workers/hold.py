"""How long one item's code has held a worker process, all of its threads included.

Code that keeps the interpreter's lock (`re` does) silences the heartbeat, which extends the leases of everything else
in hand. The process has to be ended before these run out: then its supervisor gives them back, and nobody but the one
item is blamed.
"""

from __future__ import annotations

from time import monotonic


class Hold:
    """What successive looks at a process say. It is held after `limit_s` of one item's code and of silence."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._item: tuple[int, int] | None = None
        self._since = monotonic()

    def look(self, item: tuple[int, int] | None, silent_s: float) -> bool:
        """Note whose code runs (None: nobody's) and how long the process has been silent; tell whether it is held."""
        now = monotonic()
        if item is None or item != self._item:
            self._item, self._since = item, now
            return False
        return min(silent_s, now - self._since) >= self._limit_s
