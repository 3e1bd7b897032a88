"""A watch over the event loop: where one document's code holds it up for ever, the process has to go.

The heartbeat has a thread of its own. It would keep the leases of a process for ever whose loop runs nothing any more.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.loop_thread import LoopThread

log = logging.getLogger(__name__)

STANDSTILL_STATUS = 70
LEAST_BEATS = 5
"""A loop on a machine that has much else to do may answer late."""


def leave() -> None:
    """End this process at once: nothing that waits for the loop would ever end."""
    os._exit(STANDSTILL_STATUS)


class LoopWatch:
    """Asks the loop for a sign of life with every beat, and calls `on_standstill` after `beats` without one.

    Beats are counted and not time, so that a machine that slept is not taken for a loop that stands still.
    """

    def __init__(self, loop: LoopThread, beats: int, on_standstill: Callable[[], None] = leave) -> None:
        self._loop = loop
        self._beats = max(LEAST_BEATS, beats)
        self._on_standstill = on_standstill
        self._answered = True
        self._unanswered = 0

    def beat(self) -> None:
        """Look whether the loop has answered."""
        if self._answered:
            self._unanswered = 0
            self._answered = False
            self._loop.call(self._answer)
            return
        self._unanswered += 1
        if self._unanswered == self._beats:
            log.critical("The event loop has run nothing for %d beats: this process ends.", self._beats)
            self._on_standstill()

    def _answer(self) -> None:
        self._answered = True
