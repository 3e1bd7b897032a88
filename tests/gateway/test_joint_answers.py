"""Answers that come close together are taken up together, where that holds nobody up for long."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from gateway.joint_answers import GATHER_S, LEAST_AT_WORK, LEAST_EXCHANGE_S, JointAnswers
from gateway.transport import HttpAnswer
from routing.completion import Completion
from routing.errors import ProviderTroubleError, Trouble
from tests.support.scripted_gateway import PROMPT, Scripted, Time, a_gateway, an_answer

EXCHANGE_S = 0.2
QUICK_S = LEAST_EXCHANGE_S / 2
CLOCK_STEP_S = 0.001
"""The loop's clock counts milliseconds."""


class Slow(Scripted):
    """Answers at once, but by the gateway's clock each answer takes its time."""

    def __init__(self, time: Time, exchange_s: float, *answers: HttpAnswer | ProviderTroubleError) -> None:
        super().__init__(*answers)
        self._time, self._exchange_s = time, exchange_s

    async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
        """Let time pass, and answer."""
        self._time.now += self._exchange_s
        return await super().post(url, headers, body, timeout_s)


def busy() -> JointAnswers:
    """Return what answers wait by where there is enough at work."""
    return JointAnswers(lambda: LEAST_AT_WORK)


def test_answers_that_come_in_one_moment_go_on_together() -> None:
    """Each waits for the same future, until the moment is over; the next answer begins another one."""

    async def run() -> float:
        joint, began = busy(), monotonic()
        first = joint.moment("small", EXCHANGE_S)
        assert first is not None
        assert joint.moment("large", EXCHANGE_S) is first
        await first
        took_s = monotonic() - began
        following = joint.moment("small", EXCHANGE_S)
        assert following is not None
        assert following is not first
        assert not following.done()
        return took_s

    assert asyncio.run(run()) >= GATHER_S - CLOCK_STEP_S


@pytest.mark.parametrize(("at_work", "exchange_s"), [(LEAST_AT_WORK - 1, EXCHANGE_S), (LEAST_AT_WORK, QUICK_S)])
def test_an_answer_waits_for_nobody_where_little_is_at_work_or_it_came_quickly(at_work: int, exchange_s: float) -> None:
    """There is little to save, or much to lose."""

    async def run() -> object:
        return JointAnswers(lambda: at_work).moment("small", exchange_s)

    assert asyncio.run(run()) is None


def test_a_quick_answer_waits_only_behind_those_of_its_own_model() -> None:
    """It is not to overtake them; with another model's it has nothing to do."""

    async def run() -> None:
        joint = busy()
        moment = joint.moment("small", EXCHANGE_S)
        assert moment is not None
        assert joint.moment("small", QUICK_S) is moment
        assert joint.moment("large", QUICK_S) is None
        await moment
        assert joint.moment("small", QUICK_S) is None

    asyncio.run(run())


def test_one_that_is_cancelled_takes_no_other_along() -> None:
    """They wait for the same future."""

    async def wait(joint: JointAnswers) -> str:
        moment = joint.moment("small", EXCHANGE_S)
        assert moment is not None
        await moment
        return "taken up"

    async def run() -> tuple[bool, str]:
        joint = busy()
        cancelled, other = (asyncio.create_task(wait(joint)) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        taken_up = await other
        await asyncio.wait([cancelled])
        return cancelled.cancelled(), taken_up

    assert asyncio.run(run()) == (True, "taken up")


def test_the_wait_is_no_part_of_what_the_provider_took() -> None:
    """What tunes itself by latency must not take it for the provider's."""
    time = Time()
    gateway = a_gateway(Slow(time, EXCHANGE_S, an_answer()), time, joint_answers=busy())

    async def run() -> tuple[float, Completion]:
        began = monotonic()
        completion = await gateway.complete("small", PROMPT, max_output_tokens=50)
        return monotonic() - began, completion

    took_s, completion = asyncio.run(run())

    assert took_s >= GATHER_S - CLOCK_STEP_S
    assert completion.provider_ms == pytest.approx(EXCHANGE_S * 1000)


def test_troubles_between_answers_do_not_open_the_circuit() -> None:
    """Those that wait came before them: a provider that answers every other call is not away."""
    time = Time()
    reset = ProviderTroubleError("No answer.", Trouble.UNREACHABLE)
    outcomes = [outcome for _ in range(8) for outcome in (an_answer(), reset)]
    gateway = a_gateway(Slow(time, EXCHANGE_S, *outcomes), time, joint_answers=busy())

    async def run() -> list[Completion | BaseException]:
        calls = (gateway.complete("small", PROMPT, max_output_tokens=50, tries=1) for _ in outcomes)
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = asyncio.run(run())

    assert [isinstance(one, Completion) for one in ended] == [not isinstance(one, Exception) for one in outcomes]
    assert gateway.unavailable_for_s("small") == 0
    assert all(one.trouble is Trouble.UNREACHABLE for one in ended if isinstance(one, ProviderTroubleError))
