"""A loop that runs nothing any more is noticed; one that is only slow is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from workers.loop_thread import LoopThread
from workers.loop_watch import LEAST_BEATS, LoopWatch


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """A loop that runs."""
    with closing(LoopThread()) as running:
        yield running


def test_a_loop_that_stands_still_is_told_once(loop: LoopThread) -> None:
    """After as many beats as a lease lasts, and not while it still answers."""
    held, standstills = threading.Event(), []
    watch = LoopWatch(loop, LEAST_BEATS + 2, lambda: standstills.append(True))
    watch.beat()
    loop.wait_for(_nothing())
    loop.call(held.wait)
    for _ in range(LEAST_BEATS + 2):
        watch.beat()
    assert standstills == []
    watch.beat()
    watch.beat()
    assert standstills == [True]
    held.set()


def test_a_loop_that_answers_late_begins_anew(loop: LoopThread) -> None:
    """A short lease does not make it hasty either."""
    standstills: list[bool] = []
    watch = LoopWatch(loop, 1, lambda: standstills.append(True))
    for _ in range(3):
        held = threading.Event()
        loop.call(held.wait)
        for _ in range(LEAST_BEATS):
            watch.beat()
        held.set()
        loop.wait_for(_nothing())
    assert standstills == []


async def _nothing() -> None:
    """Return once everything before it has run."""
