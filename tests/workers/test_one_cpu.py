"""The threads of a process stay on one CPU, are let go now and then, and end up together again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.scene import wait_until
from workers import one_cpu
from workers.loop_thread import LoopThread
from workers.one_cpu import CHOICE_S, CHOSEN_FOR_BEATS, Crowd, OneCpu, Spent

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs, and Linux"
)

NOBODY = Crowd(lambda: Spent(0.0, 0.0, 0.0))
"""A crowd that is never felt."""


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """A loop that runs, in a process whose threads may run anywhere again afterwards."""
    allowed, policy = os.sched_getaffinity(0), os.sched_getscheduler(0)
    with closing(LoopThread()) as running:
        yield running
    for folder in Path("/proc/self/task").iterdir():
        thread = int(folder.name)
        with suppress(ProcessLookupError):  # one that has just ended
            os.sched_setaffinity(thread, allowed)
            os.sched_setscheduler(thread, policy, os.sched_param(0))


def test_all_threads_stay_where_the_loop_was_found(loop: LoopThread) -> None:
    """Those that were there before, the main one among them, and those that are started later."""
    with _waiting_thread() as before:
        OneCpu(loop).beat()
        assert wait_until(lambda: len(_cpus(before)) == 1, 10) is not None
        chosen = _cpus(before)
        assert _cpus(threading.get_native_id()) == chosen
        assert os.sched_getscheduler(before) == os.SCHED_BATCH
        with _waiting_thread() as after:
            assert _cpus(after) == chosen


def test_a_cpu_is_chosen_anew_after_some_beats(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may move the threads again in between; until then nothing is touched."""
    allowed = os.sched_getaffinity(0)
    asked: list[set[int]] = []

    def run_on(cpus: set[int]) -> bool:
        asked.append(set(cpus))
        return True

    monkeypatch.setattr(one_cpu, "_run_threads_on", run_on)
    bound = OneCpu(loop, NOBODY)
    for _ in range(CHOSEN_FOR_BEATS):
        bound.beat()
    assert wait_until(lambda: len(asked) == 2, 10) is not None
    assert asked[0] == allowed
    assert len(asked[1]) == 1
    bound.beat()
    assert wait_until(lambda: len(asked) == 4, 10) is not None
    assert asked[2] == allowed


@pytest.mark.parametrize(
    ("waited", "siblings", "is_felt"), [(0.5, 0.1, True), (0.5, 0.45, False), (0.1, 0.0, False)], ids=str
)
def test_a_crowd_is_felt_by_what_it_takes(waited: float, siblings: float, *, is_felt: bool) -> None:
    """Waiting while one's own threads run is no crowd, nor is having little to do."""
    spent = iter([Spent(100.0, 5.0, 3.0), Spent(101.0, 5.0 + waited, 3.0 + siblings)])
    crowd = Crowd(lambda: next(spent))
    crowd.is_felt()
    assert crowd.is_felt() is is_felt


def test_a_busy_process_beside_another_has_its_cpu_chosen_anew_with_the_next_beat(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were put on the same one while they had nothing to do."""
    shared = min(os.sched_getaffinity(0))
    bound = OneCpu(loop)
    bound.beat()
    loop.wait_for(asyncio.sleep(2 * CHOICE_S))
    assert one_cpu._run_threads_on({shared})
    chosen: list[object] = []
    monkeypatch.setattr(one_cpu, "_run_threads_on", lambda cpus: not chosen.append(cpus))
    with _busy_process_on(shared):
        bound.beat()
        waited_s = loop.wait_for(_busy_until_it_waited(0.3))
        bound.beat()
        assert wait_until(lambda: bool(chosen), 10) is not None
        assert waited_s > 0


def test_where_the_system_refuses_nothing_is_bound_any_more(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container is moved to other CPUs: the kernel has spread the threads over those."""
    asked: list[set[int]] = []

    def refuse(cpus: set[int]) -> bool:
        asked.append(cpus)
        return False

    monkeypatch.setattr(one_cpu, "_run_threads_on", refuse)
    bound = OneCpu(loop, NOBODY)
    bound.beat()
    loop.wait_for(_nothing())
    for _ in range(CHOSEN_FOR_BEATS):
        bound.beat()
    loop.wait_for(_nothing())
    assert len(asked) == 1


def test_one_cpu_is_not_bound(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to choose from, and somebody has chosen already."""
    asked: list[object] = []
    monkeypatch.setattr(one_cpu, "_run_threads_on", asked.append)
    monkeypatch.setattr(one_cpu, "_allowed", lambda: {0})
    OneCpu(loop).beat()
    loop.wait_for(_nothing())
    assert asked == []


def _cpus(thread: int) -> set[int]:
    return os.sched_getaffinity(thread)


@contextmanager
def _busy_process_on(cpu: int) -> Iterator[None]:
    """Run a process that never rests, on this CPU."""
    code = f"import os; os.sched_setaffinity(0, {{{cpu}}}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


async def _busy_until_it_waited(seconds: float) -> float:
    """Keep the loop busy until it has waited for the CPU for so long, and return for how long it has."""
    before, end = one_cpu._waited_s(), time.monotonic() + 30
    while (waited_s := one_cpu._waited_s() - before) < seconds and time.monotonic() < end:
        pass
    return waited_s


@contextmanager
def _waiting_thread() -> Iterator[int]:
    """Run a thread that does nothing, and give its number."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        yield thread.native_id
    finally:
        end.set()
        thread.join()


async def _nothing() -> None:
    """Return once everything before it has run."""
