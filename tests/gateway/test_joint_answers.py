"""Answers that come close together are taken up together, where that holds nobody up for long."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from gateway.joint_answers import GATHER_S, LEAST_EXCHANGE_S, LEAST_IN_FLIGHT, JointAnswers
from gateway.transport import HttpAnswer
from routing.completion import Completion
from tests.support.scripted_gateway import PROMPT, Scripted, Time, a_gateway, an_answer

EXCHANGE_S = 0.2
SOON_S = GATHER_S / 5


class Slow(Scripted):
    """Answers at once, but by the gateway's clock each answer takes its time."""

    def __init__(self, time: Time, exchange_s: float) -> None:
        super().__init__(an_answer())
        self._time, self._exchange_s = time, exchange_s

    async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
        """Let time pass, and answer."""
        self._time.now += self._exchange_s
        return await super().post(url, headers, body, timeout_s)


async def _taken_up(joint: JointAnswers, exchange_s: float, after_s: float = 0.0) -> float:
    await asyncio.sleep(after_s)
    moment = joint.moment(exchange_s)
    if moment is not None:
        await moment
    return monotonic()


def test_answers_that_come_in_one_moment_are_taken_up_at_its_end() -> None:
    """Not before, and one right after the other."""

    async def run() -> tuple[float, list[float]]:
        joint = JointAnswers(lambda: LEAST_IN_FLIGHT)
        began = monotonic()
        return began, await asyncio.gather(
            *(_taken_up(joint, EXCHANGE_S, after) for after in (0.0, SOON_S, 2 * SOON_S))
        )

    began, taken_up = asyncio.run(run())

    assert min(taken_up) - began >= GATHER_S - 0.001  # the loop's clock counts milliseconds
    assert max(taken_up) - min(taken_up) < SOON_S


def test_the_next_moment_begins_with_the_next_answer() -> None:
    """A moment that is over holds nobody."""

    async def run() -> bool:
        joint = JointAnswers(lambda: LEAST_IN_FLIGHT)
        first = joint.moment(EXCHANGE_S)
        assert first is not None
        await first
        second = joint.moment(EXCHANGE_S)
        return second is not None and second is not first and not second.done()

    assert asyncio.run(run())


@pytest.mark.parametrize(
    ("in_flight", "exchange_s"), [(LEAST_IN_FLIGHT - 1, EXCHANGE_S), (LEAST_IN_FLIGHT, LEAST_EXCHANGE_S / 2)]
)
def test_an_answer_waits_for_nobody_where_few_calls_are_in_flight_or_it_came_quickly(
    in_flight: int, exchange_s: float
) -> None:
    """There is little to save, or much to lose."""

    async def run() -> object:
        return JointAnswers(lambda: in_flight).moment(exchange_s)

    assert asyncio.run(run()) is None


def test_a_quick_answer_does_not_join_a_moment_that_has_begun() -> None:
    """Others wait; it would be held up by more than a twentieth."""

    async def run() -> object:
        joint = JointAnswers(lambda: LEAST_IN_FLIGHT)
        assert joint.moment(EXCHANGE_S) is not None
        return joint.moment(LEAST_EXCHANGE_S / 2)

    assert asyncio.run(run()) is None


def test_one_that_is_cancelled_takes_no_other_along() -> None:
    """They wait for the same future."""

    async def run() -> tuple[bool, float]:
        joint = JointAnswers(lambda: LEAST_IN_FLIGHT)
        cancelled, other = (asyncio.create_task(_taken_up(joint, EXCHANGE_S)) for _ in range(2))
        await asyncio.sleep(SOON_S)
        cancelled.cancel()
        taken_up = await other
        await asyncio.wait([cancelled])
        return cancelled.cancelled(), taken_up

    is_cancelled, _ = asyncio.run(run())

    assert is_cancelled


def test_the_wait_is_no_part_of_what_the_provider_took() -> None:
    """What tunes itself by latency must not take it for the provider's."""
    time = Time()
    gateway = a_gateway(Slow(time, EXCHANGE_S), time, joint_answers=JointAnswers(lambda: LEAST_IN_FLIGHT))

    async def run() -> tuple[float, Completion]:
        began = monotonic()
        completion = await gateway.complete("small", PROMPT, max_output_tokens=50)
        return monotonic() - began, completion

    took_s, completion = asyncio.run(run())

    assert took_s >= GATHER_S - 0.001
    assert completion.provider_ms == pytest.approx(EXCHANGE_S * 1000)
