"""The leases in this process's hands, extended while their items are worked on.

Each is known here to hold until a moment by this process's own clock: counted from before the ledger was asked for it,
so that it lies no later than the one the ledger has, however long the answer took. No call begins later than that.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from routing.errors import ServiceUnreachableError
from storage import claims

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.claims import ClaimedItem
    from storage.database import Database

EXTENSIONS_PER_LEASE = 3


@dataclass(frozen=True, slots=True)
class _Known:
    """Until when a lease holds, and the positions the ledger last named; None: all that were claimed."""

    until: float
    positions: frozenset[int] | None = None


class Leases:
    """One token for each chunk in hand. Safe to share between threads.

    Each begins with the name of the `process` and a hyphen.
    """

    def __init__(self, lease_ms: int, clock: Callable[[], float] = monotonic) -> None:
        self.lease_ms = lease_ms
        self.process = secrets.token_hex(6)
        self._clock = clock
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._in_hand: dict[str, _Known] = {}
        self._extending: asyncio.Task[None] | None = None

    @property
    def extend_every_s(self) -> float:
        """How often leases are to be extended."""
        return self.lease_ms / 1000 / EXTENSIONS_PER_LEASE

    @property
    def in_hand(self) -> int:
        """How many chunks this process has, those that are about to be claimed among them."""
        return len(self._in_hand)

    def take(self) -> str:
        """Return a new token for a chunk that is about to be claimed; `drop` it when the chunk is finished."""
        with self._lock:
            token = f"{self.process}-{next(self._numbers)}"
            self._in_hand[token] = _Known(self._from_now())
            return token

    def drop(self, token: str) -> None:
        """Forget a token: its chunk is finished."""
        with self._lock:
            self._in_hand.pop(token, None)

    def extend(self, database: Database) -> None:
        """Extend every lease in hand."""
        with self._lock:
            tokens = list(self._in_hand)
        if not tokens:
            return
        until = self._from_now()
        held = claims.extend(database, tokens, self.lease_ms)
        with self._lock:
            # One that is not named has been written down, is not committed yet, or is lost: nothing new is known of it.
            for token in held.keys() & self._in_hand.keys():
                self._in_hand[token] = _Known(until, held[token])

    async def holds(self, database: Database, item: ClaimedItem) -> bool | None:
        """Tell whether an item is ours for long enough to begin a call; None while the ledger cannot be reached.

        The ledger is asked only where a lease should have been extended by now: its claim took long to come back, or
        the heartbeat is late. Of one loop only.
        """
        if self._is_sure(item):
            return True
        try:
            for _ in range(2):  # the first may have begun before the claim was committed
                await self._extended(database)
                if self._is_sure(item):
                    return True
        except ServiceUnreachableError:
            return None
        return False

    async def _extended(self, database: Database) -> None:
        if self._extending is None or self._extending.done():
            self._extending = asyncio.create_task(asyncio.to_thread(self.extend, database))
        await asyncio.shield(self._extending)

    def _is_sure(self, item: ClaimedItem) -> bool:
        with self._lock:
            known = self._in_hand.get(item.lease_token)
        if known is None or self._clock() > known.until - self.extend_every_s:
            return False
        return known.positions is None or item.position in known.positions

    def _from_now(self) -> float:
        return self._clock() + self.lease_ms / 1000
