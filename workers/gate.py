"""The gate: how many items one worker process works on at a time, changeable while it runs."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Gate:
    """An `async with` that admits `limit` holders, first come first served.

    Lowering the limit drops nobody: holders leave as they finish, and fewer are admitted. Entered, left and changed on
    the event loop's thread only; the figures may be read from any.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many are admitted at a time."""
        return self._limit

    @property
    def inside(self) -> int:
        """How many are inside now; above `limit` for a while after it was lowered."""
        return self._inside

    def set_limit(self, limit: int) -> None:
        """Admit this many from now on. Raises ValueError below 1."""
        if limit < 1:
            raise ValueError(f"a gate admits at least one, not {limit}")
        self._limit = limit
        self._admit()

    def open(self) -> None:
        """Admit everybody from now on: whoever waits is to be sent away inside."""
        self._limit = sys.maxsize
        self._admit()

    async def __aenter__(self) -> Self:
        if self._inside < self._limit and not self._waiting:
            self._inside += 1
            return self
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and cancelled in the same step: pass the place on
                self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._inside < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)
