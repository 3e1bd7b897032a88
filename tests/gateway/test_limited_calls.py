"""Calls of models that share a limit of requests and tokens."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.gateway import Gateway
from gateway.limits import HORIZON_S, RateLimit
from routing.errors import ProviderTroubleError, Trouble
from tests.support.scripted_gateway import (
    ANSWER,
    PROMPT,
    Scripted,
    Time,
    a_gateway,
    a_spec,
    an_answer,
    an_error,
    complete_by,
)


class CountingLimits:
    """A limit that makes everybody wait, and keeps what it was told."""

    def __init__(self, wait_s: float = 1.0) -> None:
        self.waits_s = [wait_s]
        self.told: list[int] = []
        self.requests = 0

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
        """Note the reserve, where it is one. The last wait repeats."""
        wait_s = self.waits_s.pop(0) if len(self.waits_s) > 1 else self.waits_s[0]
        if wait_s <= HORIZON_S:
            self.told.append(tokens)
            self.requests += 1
        return wait_s

    async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
        """Note the correction."""
        self.told.append(tokens)
        self.requests += requests

    async def aclose(self) -> None:
        """Close nothing."""


def test_a_limited_model_reserves_waits_and_settles() -> None:
    """The wait is told apart from the provider's time, and the reserve is corrected to what was used."""
    limits, time = CountingLimits(), Time()
    completion = complete_by(a_gateway(Scripted(an_answer()), time, a_spec(requests_per_minute=5), limits=limits))
    assert (completion.limit_wait_ms, time.slept) == (1000.0, [1.0])
    assert sum(limits.told) == 15


def test_a_call_that_is_far_from_its_turn_asks_again() -> None:
    """Beyond the horizon nothing is reserved; the whole wait is told, and takes nothing from the deadline."""
    limits, time = CountingLimits(), Time()
    limits.waits_s = [60.0, 13.0, 2.0]
    completion = complete_by(a_gateway(Scripted(an_answer()), time, a_spec(requests_per_minute=5), limits=limits))
    assert time.slept == [10.0, 8.0, 2.0]
    assert (completion.limit_wait_ms, limits.requests, sum(limits.told)) == (20_000.0, 1, 15)


def test_every_exchange_is_reserved() -> None:
    """A call that steps down twice is three requests at the provider; only the answered one used tokens."""
    limits = CountingLimits(0.0)
    refusals = [an_error(400, "response_format is not supported"), an_error(400, "no tools here")]
    gateway = a_gateway(Scripted(*refusals, an_answer()), None, a_spec(requests_per_minute=5), limits=limits)
    assert complete_by(gateway).http_calls == limits.requests == 3
    assert sum(limits.told) == 15


def test_a_limit_without_an_answer_ends_in_time() -> None:
    """A Redis that hangs is trouble at the deadline, and holds up an answer by a second at most."""

    class Hanging(CountingLimits):
        async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
            """Never settle."""
            await asyncio.Event().wait()

    class HangingAtOnce(Hanging):
        async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
            """Never reserve."""
            await asyncio.Event().wait()
            return 0.0

    spec = a_spec(requests_per_minute=5, timeout_s=0.2)
    answered = Gateway({"small": spec}, {}, Scripted(an_answer()), limits=Hanging(0.0))
    began = time.monotonic()
    assert complete_by(answered).text == ANSWER
    assert time.monotonic() - began < 1.9
    with pytest.raises(ProviderTroubleError) as caught:
        complete_by(Gateway({"small": spec}, {}, Scripted(an_answer()), limits=HangingAtOnce()))
    assert caught.value.trouble is Trouble.UNREACHABLE
    assert time.monotonic() - began < 4


def test_a_model_without_a_limit_asks_nobody() -> None:
    """Only limited models pay for the round trip."""
    limits = CountingLimits()
    complete_by(a_gateway(Scripted(an_answer()), limits=limits))
    assert limits.told == []


def test_a_process_that_ends_waits_for_nothing_but_answers() -> None:
    """Neither a shared limit nor a back-off holds it up; nothing was sent, and what was reserved is given back."""
    limits = CountingLimits(wait_s=9.0)

    async def run() -> ProviderTroubleError:
        gateway = Gateway({"small": a_spec(requests_per_minute=5)}, {}, Scripted(an_answer()), limits=limits)
        asked = asyncio.create_task(gateway.complete("small", PROMPT, max_output_tokens=50))
        await asyncio.sleep(0)
        gateway.hurry()
        with pytest.raises(ProviderTroubleError) as caught:
            await asked
        return caught.value

    ended = asyncio.run(run())
    assert (ended.trouble, ended.http_calls) == (Trouble.CIRCUIT_OPEN, 0)
    assert (sum(limits.told), limits.requests) == (0, 0)
