"""The leases in this process's hands, extended while their items are worked on."""

from __future__ import annotations

import itertools
import secrets
import threading
from typing import TYPE_CHECKING

from storage import claims

if TYPE_CHECKING:
    from storage.database import Database


class Leases:
    """One token for each chunk in hand. Safe to share between threads.

    Each begins with the name of the `process` and a hyphen.
    """

    def __init__(self, lease_ms: int) -> None:
        self.lease_ms = lease_ms
        self.process = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()

    def take(self) -> str:
        """Return a new token for a chunk; `drop` it when the chunk is finished."""
        with self._lock:
            token = f"{self.process}-{next(self._numbers)}"
            self._in_hand.add(token)
            return token

    def drop(self, token: str) -> None:
        """Forget a token: its chunk is finished."""
        with self._lock:
            self._in_hand.discard(token)

    def extend(self, database: Database) -> None:
        """Extend every lease in hand."""
        with self._lock:
            in_hand = list(self._in_hand)
        if in_hand:
            claims.extend(database, in_hand, self.lease_ms)
