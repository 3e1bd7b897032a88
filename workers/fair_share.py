"""The fair share of a self-tuned process: those that press the same provider come to the same concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import workers
from workers.self_tuning import USED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database
    from workers.loop_thread import LoopThread
    from workers.self_tuning import SelfTuning


class FairShare:
    """Tells the tuning of a process, at every heartbeat, how many calls the other processes of its queues let through.

    A process that has not enough to do has no part in it: what it does not use is no loss to it.
    """

    def __init__(self, database: Database, loop: LoopThread, tuning: SelfTuning, queues: Sequence[str]) -> None:
        self._database = database
        self._loop = loop
        self._tuning = tuning
        self._queues = frozenset(queues)

    def beat(self) -> None:
        """Look at the processes that run, and share with them. Raises what the ledger raises."""
        limits = {
            worker.name: worker.concurrency
            for worker in workers.running(self._database)
            if worker.queue in self._queues and worker.in_flight >= USED * worker.concurrency
        }
        self._loop.call(self._tuning.share, tuple(limits.values()))
