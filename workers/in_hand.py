"""How many items a process has claimed and not settled."""

from __future__ import annotations

import threading


class InHand:
    """A count of items. Safe to share between threads; `items` may be read from any."""

    def __init__(self) -> None:
        self.items = 0
        self._lock = threading.Lock()

    def add(self, items: int) -> None:
        """Count items that were claimed."""
        with self._lock:
            self.items += items

    def settle_one(self) -> None:
        """Count one of them as settled."""
        with self._lock:
            self.items -= 1
