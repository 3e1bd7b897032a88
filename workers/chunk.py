"""A chunk in hand: a count of items, and a thread that waits until it reaches zero."""

from __future__ import annotations

import threading


class Chunk:
    """Lets one thread wait for `size` items that are settled by others. `size` is at least 1."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()
        self._done = threading.Event()

    def settle_one(self) -> None:
        """Count one item as settled."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._done.set()

    def wait(self) -> None:
        """Block until every item is settled."""
        self._done.wait()
