"""The gate admits so many at a time, and can be moved while people stand in it."""

from __future__ import annotations

import asyncio

import pytest

from workers.gate import Gate


class Crowd:
    """Visitors that stay inside until they are told to leave."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.leave = asyncio.Event()
        self.most = 0
        self.order: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def visit(self, number: int) -> None:
        async with self.gate:
            self.order.append(number)
            self.most = max(self.most, self.gate.inside)
            await self.leave.wait()

    async def arrive(self, count: int) -> None:
        self.tasks += [asyncio.create_task(self.visit(number)) for number in range(count)]
        await settle()

    async def end(self) -> None:
        self.leave.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_more_than_the_limit_are_inside() -> None:
    """Whoever comes too many waits, first come first served."""

    async def scenario() -> None:
        crowd = Crowd(Gate(2))
        await crowd.arrive(5)
        assert crowd.order == [0, 1]
        await crowd.end()
        assert (crowd.most, crowd.order, crowd.gate.inside) == (2, [0, 1, 2, 3, 4], 0)

    asyncio.run(scenario())


def test_raising_the_limit_admits_who_waits_at_once() -> None:
    """Nobody has to leave first."""

    async def scenario() -> None:
        crowd = Crowd(Gate(1))
        await crowd.arrive(3)
        crowd.gate.set_limit(3)
        await settle()
        assert (crowd.gate.inside, crowd.gate.limit) == (3, 3)
        await crowd.end()

    asyncio.run(scenario())


def test_lowering_the_limit_drops_nobody() -> None:
    """Those inside stay; new ones wait until there are few enough."""

    async def scenario() -> None:
        crowd = Crowd(Gate(3))
        await crowd.arrive(4)
        crowd.gate.set_limit(1)
        await settle()
        assert crowd.gate.inside == 3
        await crowd.end()
        assert sorted(crowd.order) == [0, 1, 2, 3]

    asyncio.run(scenario())


def test_an_open_gate_admits_everybody() -> None:
    """Opening it sends all who wait inside."""

    async def scenario() -> None:
        crowd = Crowd(Gate(1))
        await crowd.arrive(5)
        crowd.gate.open()
        await settle()
        assert crowd.gate.inside == 5
        await crowd.end()

    asyncio.run(scenario())


@pytest.mark.parametrize("admitted_first", [False, True])
def test_a_visitor_that_is_cancelled_takes_no_place(*, admitted_first: bool) -> None:
    """Its place goes to the next, even if it was admitted in the same moment."""

    async def scenario() -> None:
        crowd = Crowd(Gate(1))
        await crowd.arrive(3)
        if admitted_first:
            crowd.gate.set_limit(2)
        crowd.tasks[1].cancel()
        await settle()
        await crowd.end()
        assert (crowd.order, crowd.gate.inside) == ([0, 2], 0)

    asyncio.run(scenario())


def test_a_gate_admits_at_least_one() -> None:
    """A limit of zero would hold everybody for ever."""
    with pytest.raises(ValueError, match="at least one"):
        Gate(1).set_limit(0)
