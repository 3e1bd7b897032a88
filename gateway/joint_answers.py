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
"""An exchange that took less begins no wait: none is made longer by more than a twentieth."""
LEAST_AT_WORK = 50
"""Of fewer items, those whose answers come within one moment are too few."""


class JointAnswers:
    """Moments that end for everything that came in them at once. Lives on one event loop.

    `at_work` tells how many items have a call under way, or are about to.
    """

    def __init__(self, at_work: Callable[[], int]) -> None:
        self._at_work = at_work
        self._moment: asyncio.Future[None] | None = None
        self._models: set[str] = set()

    def moment(self, model: str, exchange_s: float) -> asyncio.Future[None] | None:
        """Return what the end of an exchange with this model has to wait for, None where it waits for nothing.

        Whatever ends an exchange asks, trouble as well: nothing of a model is to overtake what came of it before.
        """
        if exchange_s < LEAST_EXCHANGE_S and model not in self._models:
            return None
        if self._moment is None and self._at_work() >= LEAST_AT_WORK:
            loop = asyncio.get_running_loop()
            self._moment = _Moment(loop=loop)
            loop.call_later(GATHER_S, self._end)
        if self._moment is not None:
            self._models.add(model)
        return self._moment

    def _end(self) -> None:
        moment, self._moment = self._moment, None
        self._models.clear()
        assert moment is not None
        moment.set_result(None)


class _Moment(asyncio.Future[None]):
    """A future that nobody who waits for it can cancel: others wait for it as well."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the signature is asyncio's
        """Leave it be; a task that is cancelled hears of it when the moment is over."""
        return False
