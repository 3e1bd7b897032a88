"""All threads of a worker process on one CPU at a time, which the kernel chooses anew every few seconds. Linux only.

Python runs one of them at a time. Spread over several CPUs they wait for each other across them, and each finds in its
caches what another one has left. On one CPU a document costs a fifth less, and a process that always has something to
do comes to a third more (docs/decisions/one-cpu.md).
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from workers.loop_thread import LoopThread

CHOSEN_FOR_BEATS = 5
CROWDED_SHARE = 0.2
"""The share of the time between two beats that others may take from the loop before it looks for another CPU."""
CHOICE_S = 0.05
"""How long the kernel may move our threads about. It puts one that wakes beside another elsewhere at once."""
_STAT = Path("/proc/thread-self/stat")
_SCHEDSTAT = Path("/proc/thread-self/schedstat")
_THREADS = Path("/proc/self/task")
_PROCESSOR = 36
"""Of the fields of a thread's `stat` after its name, the one that says where it ran last (proc(5), field 39)."""


class OneCpu:
    """Binds the threads of this process to the CPU its event loop is found on, anew with every few beats.

    With the next beat already where others crowd it there. A thread that wakes on that CPU waits until the one that
    runs has to wait itself (`SCHED_BATCH`, sched(7)): it could mostly do nothing without the interpreter's lock. Where
    a process may use one CPU only, or the system does not tell, nothing is done.
    """

    def __init__(self, loop: LoopThread, crowd: Crowd | None = None) -> None:
        self._loop = loop
        self._allowed = _allowed()
        self._beats = 0
        self._crowd = crowd or Crowd()

    def beat(self) -> None:
        """Have a CPU chosen where it is time."""
        if len(self._allowed) > 1:
            self._loop.call(self._look)

    def _look(self) -> None:
        if self._crowd.is_felt() or self._beats % CHOSEN_FOR_BEATS == 0:
            self._beats = 0
            self._let_kernel_choose()
        self._beats += 1

    def _let_kernel_choose(self) -> None:
        if _run_threads_on(self._allowed):
            asyncio.get_running_loop().call_later(CHOICE_S, self._stay)
        else:  # CPUs were taken away from us, and the kernel has put the threads elsewhere; or a sandbox forbids it
            self._allowed = frozenset()

    def _stay(self) -> None:
        _run_threads_on({_current_cpu()})


class Spent(NamedTuple):
    """Seconds so far: by the clock, of the loop's being ready to run without running, of its siblings' running."""

    now: float
    waited: float
    siblings: float


class Crowd:
    """Other processes on this one's CPU, told by what they take from its event loop. Asked on the loop's thread.

    Processes know nothing of each other: two may have been put on the same CPU while neither had anything to do.
    """

    def __init__(self, spent: Callable[[], Spent] | None = None) -> None:
        self._spent = spent or _spent
        self._last = Spent(0.0, 0.0, 0.0)

    def is_felt(self) -> bool:
        """Tell whether the loop waited for others since this was asked last: for longer than its own siblings ran."""
        spent, last = self._spent(), self._last
        self._last = spent
        for_others = (spent.waited - last.waited) - (spent.siblings - last.siblings)
        return for_others > CROWDED_SHARE * (spent.now - last.now)


def _spent() -> Spent:
    return Spent(time.monotonic(), _waited_s(), time.process_time() - time.thread_time())


def _waited_s() -> float:
    """Return how long this thread has been ready to run and did not, 0 where the system does not tell."""
    try:
        _, waited_ns, _ = _SCHEDSTAT.read_text().split()
    except (OSError, ValueError):
        return 0.0
    return int(waited_ns) / 1e9


def _allowed() -> AbstractSet[int]:
    if not hasattr(os, "sched_getaffinity") or not _STAT.exists():
        return frozenset()
    return os.sched_getaffinity(0)


def _current_cpu() -> int:
    _, _, fields = _STAT.read_text().rpartition(")")  # a thread's name may hold anything
    return int(fields.split()[_PROCESSOR])


def _run_threads_on(cpus: AbstractSet[int]) -> bool:
    """Bind every thread of this process to these CPUs; tell whether the system lets us."""
    for folder in _THREADS.iterdir():
        thread = int(folder.name)
        try:
            os.sched_setaffinity(thread, cpus)
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:  # any other policy is somebody's choice
                os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
        except ProcessLookupError:
            continue  # it has ended
        except OSError:
            return False
    return True
