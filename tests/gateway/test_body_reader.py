"""Bodies are read in steps, a few large ones at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.body_reader import (
    FIRST_BYTES,
    LARGE_AT_ONCE,
    LARGE_FROM_BYTES,
    UNSIZED_AT_ONCE,
    BodyReader,
    stated_length,
)
from gateway.transport import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PART = FIRST_BYTES


class _Bodies:
    """Bodies of one size that are read at once, and how many of them were ever under way beyond a size."""

    def __init__(self, body_bytes: int, watched_bytes: int) -> None:
        self._parts = body_bytes // _PART
        self._watched = watched_bytes // _PART + 2
        self._under_way = 0
        self.most_under_way = 0

    async def parts(self) -> AsyncIterator[bytes]:
        for number in range(self._parts):
            if number == self._watched:
                self._under_way += 1
                self.most_under_way = max(self.most_under_way, self._under_way)
            await asyncio.sleep(0)
            yield bytes(_PART)
        self._under_way -= 1


@pytest.mark.parametrize(
    ("body_bytes", "told", "watched_bytes", "at_once"),
    [
        pytest.param(10 * _PART, True, _PART, 40, id="small, told"),
        pytest.param(10 * _PART, False, _PART, UNSIZED_AT_ONCE, id="small, not told"),
        pytest.param(2 * LARGE_FROM_BYTES, True, 0, LARGE_AT_ONCE, id="large, told"),
        pytest.param(2 * LARGE_FROM_BYTES, False, LARGE_FROM_BYTES, LARGE_AT_ONCE, id="large, not told"),
    ],
)
def test_as_many_are_read_at_once_as_their_size_allows(
    *, body_bytes: int, told: bool, watched_bytes: int, at_once: int
) -> None:
    """What tells that it is small never waits; all others take turns, and all of them come whole."""
    bodies = _Bodies(body_bytes, watched_bytes)

    async def read_all() -> list[bytes]:
        reader = BodyReader(MAX_BODY_BYTES)
        whole = body_bytes // _PART * _PART
        length, deadline = whole if told else None, asyncio.get_running_loop().time() + 60
        return await asyncio.gather(*(reader.read(bodies.parts(), length, deadline) for _ in range(40)))

    assert {len(body) for body in asyncio.run(read_all())} == {body_bytes // _PART * _PART}
    assert bodies.most_under_way == at_once


def test_nobody_waits_for_a_turn_beyond_the_deadline() -> None:
    """The bodies under way may never end."""

    async def endless() -> AsyncIterator[bytes]:
        yield bytes(LARGE_FROM_BYTES)
        await asyncio.Event().wait()

    async def read_one_more() -> None:
        reader = BodyReader(MAX_BODY_BYTES)
        now = asyncio.get_running_loop().time()
        length = 2 * LARGE_FROM_BYTES
        under_way = [asyncio.create_task(reader.read(endless(), length, now + 60)) for _ in range(LARGE_AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await reader.read(endless(), length, now + 0.05)
        for task in under_way:
            task.cancel()

    asyncio.run(read_one_more())


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"content-length": "17"}, 17),
        ({"content-length": "0"}, 0),
        ({}, None),
        ({"content-length": "17", "content-encoding": "gzip"}, None),
        ({"content-length": "17", "transfer-encoding": "chunked"}, None),
        ({"content-length": "-5"}, None),
        ({"content-length": "1, 1"}, None),
        ({"content-length": "\N{SUPERSCRIPT TWO}"}, None),
        ({"content-length": "9" * 10_000}, None),
    ],
)
def test_only_a_plain_length_is_believed(headers: dict[str, str], length: int | None) -> None:
    """What is no number, or speaks of something else than the decoded body, says nothing."""
    assert stated_length(headers, headers) == length
