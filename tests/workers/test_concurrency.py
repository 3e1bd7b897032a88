"""A process's concurrency starts where it was told to, and follows what people set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.workers import Setting
from workers.concurrency import Concurrency
from workers.gate import Gate
from workers.loop_thread import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """An event loop in a thread."""
    thread = LoopThread()
    yield thread
    thread.close()


def _settled(loop: LoopThread, gate: Gate) -> int:
    async def limit() -> int:
        return gate.limit

    return loop.wait_for(limit())


def test_a_setting_is_followed_once(loop: LoopThread) -> None:
    """What was set is taken over; the same revision is not applied again over a later change."""
    gate = Gate(10)
    concurrency = Concurrency(gate, loop, {"cheap": 10}, 10)
    concurrency.follow({"cheap": Setting(7, 1), "other": Setting(99, 5)})
    assert (concurrency.limit, _settled(loop, gate)) == (7, 7)
    concurrency.change(3)
    concurrency.follow({"cheap": Setting(7, 1)})
    assert _settled(loop, gate) == 10


def test_a_process_of_one_queue_takes_exactly_what_is_set(loop: LoopThread) -> None:
    """However it was grown or started, `scale` decides."""
    concurrency = Concurrency(Gate(4), loop, {"cheap": 50}, 4)
    concurrency.change(7)
    concurrency.follow({"cheap": Setting(20, 1)})
    assert concurrency.limit == 20


def test_a_process_of_two_queues_adds_up_changes(loop: LoopThread) -> None:
    """Each queue moves the shared gate by what it was changed by."""
    concurrency = Concurrency(Gate(30), loop, {"cheap": 20, "expensive": 10}, 30)
    concurrency.follow({"cheap": Setting(25, 1)})
    concurrency.follow({"cheap": Setting(25, 1), "expensive": Setting(4, 1)})
    assert (concurrency.limit, concurrency.queues) == (29, ("cheap", "expensive"))


def test_it_never_falls_below_one(loop: LoopThread) -> None:
    """Shrinking to nothing would stop the queue for good."""
    concurrency = Concurrency(Gate(3), loop, {"cheap": 3}, 3)
    concurrency.change(-50)
    assert (concurrency.limit, concurrency.in_flight) == (1, 0)
