"""Waiting on behalf of calls: for a time, and no longer than there is a reason to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Patience:
    """Pauses that end early: for those who `wait` when a model answers again, for everybody once it is `hurried`.

    Lives on one event loop. `sleep` is the port to time.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._answers_again = asyncio.Event()
        self._hurried = asyncio.Event()

    @property
    def hurried(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._hurried.is_set()

    def hurry(self) -> None:
        """Let nobody wait any more."""
        self._hurried.set()

    def wake(self) -> None:
        """End the pauses of those who wait for a model."""
        self._answers_again.set()
        self._answers_again.clear()

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await self._first_of(self._sleep(seconds), self._hurried.wait())

    async def wait_for_model(self, seconds: float) -> None:
        """Let time pass, or less where any model answers again meanwhile."""
        await self._first_of(self._sleep(seconds), self._hurried.wait(), self._answers_again.wait())

    async def _first_of(self, *reasons: Awaitable[object]) -> None:
        waiting = [asyncio.ensure_future(reason) for reason in reasons]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in waiting:
                future.cancel()
