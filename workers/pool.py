"""Celery's threads pool, with buttons: growing and shrinking it moves the process's gate.

Threads only wait for chunks; how many calls are in flight is the gate's business. So Celery's `concurrency` is the
gate's limit, and the number of threads follows from it and from the chunk.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from celery.concurrency.thread import TaskPool

if TYPE_CHECKING:
    from workers.engine import Engine

LEAST_THREADS = 4


def threads_for(concurrency: int, chunk: int) -> int:
    """Return how many threads keep a gate full: twice the chunks that fit, as chunks end with a few slow items."""
    return max(LEAST_THREADS, 2 * -(-concurrency // chunk) + 1)


class GatedThreadPool(TaskPool):  # type: ignore[misc] # Celery is untyped
    """A threads pool whose size is the number of calls in flight."""

    engine: Engine
    executor: ThreadPoolExecutor

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own signature
        super().__init__(*arguments, **options)
        self.executor.shutdown()
        self.engine = self.app.start_engine(self.limit)
        self.executor = ThreadPoolExecutor(self._threads(), thread_name_prefix="chunk")

    def _threads(self) -> int:
        return threads_for(self.engine.concurrency.limit, self.engine.chunk)

    @property
    def num_processes(self) -> int:
        """Messages fetched ahead: one for each thread."""
        return self._threads()

    def grow(self, n: int = 1) -> None:
        """Let `n` more calls be in flight."""
        self.engine.concurrency.change(n)

    def shrink(self, n: int = 1) -> None:
        """Let `n` fewer calls be in flight; those that are, finish."""
        self.engine.concurrency.change(-n)

    def on_apply(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - Celery's own signature
        """Give a chunk to a thread, with as many threads as the gate needs by now."""
        # The executor starts threads as work comes, up to this private figure; it has no public way to raise it.
        self.executor._max_workers = max(self.executor._max_workers, self._threads())  # noqa: SLF001
        return super().on_apply(*arguments, **options)

    def on_stop(self) -> None:
        """Let what is in flight finish, write it down, and leave."""
        self.engine.drain()
        super().on_stop()
        self.engine.close()

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        concurrency = self.engine.concurrency
        return info | {"max-concurrency": concurrency.limit, "calls-in-flight": concurrency.in_flight}
