"""What a process was working on when it died is known to whoever kept its box."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.processes import python
from workers.black_box import BlackBox, KeptBox, LastWords

CHILD = """
import asyncio, os, signal, sys
from workers.black_box import BlackBox

async def wait():
    await asyncio.Event().wait()

async def die(others):
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    others = [asyncio.ensure_future(box.around(3, position, wait())) for position in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.ensure_future(box.around(3, 7, die(others)))

box = BlackBox(int(sys.argv[1]), "abc")
asyncio.run(main())
"""


@pytest.fixture
def kept() -> Iterator[KeptBox]:
    """A box, as the supervisor keeps it."""
    with closing(KeptBox()) as box:
        yield box


def test_it_tells_whose_code_ran_when_the_process_was_killed(kept: KeptBox) -> None:
    """Not those that waited beside it."""
    assert kept.read() == LastWords("", None)
    died = subprocess.run([*python(CHILD), str(kept.descriptor)], pass_fds=[kept.descriptor], check=False)
    assert died.returncode == -9
    assert kept.read() == LastWords("abc", (3, 7))


def test_an_item_that_waits_is_not_in_the_box(kept: KeptBox) -> None:
    """However it comes back: with a result, or with an error thrown into it."""
    box = BlackBox(kept.descriptor, "abc")
    seen = []

    async def handle() -> None:
        seen.append(kept.read().item)
        await asyncio.sleep(0)
        seen.append(kept.read().item)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(kept.read().item)
            raise

    async def main() -> None:
        task = asyncio.ensure_future(box.around(1, 2, handle()))
        for _ in range(3):
            await asyncio.sleep(0)
            assert kept.read() == LastWords("abc", None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(main())
    assert seen == [(1, 2)] * 3
    assert kept.read().item is None


def test_it_tells_whose_task_is_made_ready(kept: KeptBox) -> None:
    """As long as that takes, whether it succeeds or not, beside the items whose code runs."""
    box = BlackBox(kept.descriptor, "abc")
    with contextlib.suppress(ValueError), box.readying(5):
        box.mark(3, 7)
        assert kept.read() == LastWords("abc", (3, 7), readied=5)
        box.clear()
        assert kept.read() == LastWords("abc", None, readied=5)
        raise ValueError
    assert kept.read() == LastWords("abc", None)


def test_a_descriptor_that_is_no_box_is_left_alone() -> None:
    """One that was inherited by name alone is closed by now, or somebody else's file."""
    read, write = os.pipe()
    os.close(write)
    os.close(read)
    BlackBox(read, "abc").mark(1, 2)
    with closing(KeptBox()) as other:
        os.pwrite(other.descriptor, b"somebody else's", 0)
        BlackBox(other.descriptor, "abc").mark(1, 2)
        assert os.pread(other.descriptor, 15, 0) == b"somebody else's"
        assert other.read() == LastWords("", None)
