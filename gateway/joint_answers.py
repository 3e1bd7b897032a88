"""Answers that come close together are taken up together, one right after the other.

Between two answers the CPU does other things, and has nothing of the code that reads and checks an answer in its caches
when the next one comes. So where many calls are in flight, an answer waits a moment for others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GATHER_S = 0.005
"""How long an answer waits for others at most. Twice as long saves little more, and calls in flight wait."""
LEAST_EXCHANGE_S = 0.1
"""An answer that came sooner does not wait, so that no call takes longer by more than a twentieth."""
LEAST_IN_FLIGHT = 50
"""Of fewer calls, those that are answered within one moment are too few."""


class JointAnswers:
    """Moments that end for all answers which came in them at once. Lives on one event loop.

    `in_flight` tells how many calls are under way.
    """

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self._in_flight = in_flight
        self._moment: asyncio.Future[None] | None = None

    def moment(self, exchange_s: float) -> asyncio.Future[None] | None:
        """Return what an answer that took so long has to wait for, None where it is to be taken up at once."""
        if exchange_s < LEAST_EXCHANGE_S:
            return None
        if self._moment is None and self._in_flight() >= LEAST_IN_FLIGHT:
            loop = asyncio.get_running_loop()
            self._moment = _Moment(loop=loop)
            loop.call_later(GATHER_S, self._end)
        return self._moment

    def _end(self) -> None:
        moment, self._moment = self._moment, None
        assert moment is not None
        moment.set_result(None)


class _Moment(asyncio.Future[None]):
    """A future that nobody who waits for it can cancel: others wait for it as well."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the signature is asyncio's
        """Leave it be; a task that is cancelled hears of it when the moment is over."""
        return False
