"""The concurrency of a worker process: where it starts, and how people change it while it runs."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.workers import Setting
    from workers.gate import Gate
    from workers.loop_thread import LoopThread

log = logging.getLogger(__name__)


class Concurrency:
    """Moves the gate of a process. A process of one queue takes what is set for it; one of several adds up changes.

    `starts` are the queues' start values; `limit` overrides their sum where the process was started with a number.
    """

    def __init__(self, gate: Gate, loop: LoopThread, starts: Mapping[str, int], limit: int) -> None:
        self._gate = gate
        self._loop = loop
        self._lock = threading.Lock()
        self._limit = limit
        self._of_queue = dict(starts)
        self._revisions = dict.fromkeys(starts, 0)

    @property
    def queues(self) -> Sequence[str]:
        """The queues this process consumes."""
        return tuple(self._of_queue)

    @property
    def limit(self) -> int:
        """The concurrency in force."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Items that are being worked on now."""
        return self._gate.inside

    def follow(self, settings: Mapping[str, Setting]) -> None:
        """Take over what was set for this process's queues since the last time."""
        for queue, setting in settings.items():
            if setting.revision > self._revisions.get(queue, setting.revision):
                self._revisions[queue] = setting.revision
                alone = len(self._of_queue) == 1
                by = setting.concurrency - (self._limit if alone else self._of_queue[queue])
                self._of_queue[queue] = setting.concurrency
                self.change(by)

    def change(self, by: int) -> None:
        """Raise or lower the concurrency by so many, never below 1."""
        with self._lock:
            self._move_gate(self._limit + by)
            log.info("Concurrency is %d now", self._limit)

    def tune_to(self, limit: int) -> None:
        """Let so many calls be in flight, as the process itself has found out; never below 1."""
        with self._lock:
            self._move_gate(limit)
            log.debug("Concurrency is tuned to %d now", self._limit)

    def _move_gate(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._loop.call(self._gate.set_limit, self._limit)
