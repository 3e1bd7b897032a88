"""Half an hour without a provider, through the real breaker on a simulated clock: few calls, and soon back."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from gateway.breaker import LONGEST_REST_S, PROBE_ALONE_S
from gateway.gateway import MAX_TRIES, Gateway
from gateway.transport import HttpAnswer
from routing.errors import ProviderTroubleError, Trouble
from tests.support.scripted_gateway import PROMPT, a_spec, an_answer
from tests.support.virtual_time import run_at_once

BEGINS_S = 30.0
LASTS_S = 1800.0
ENDS_S = BEGINS_S + LASTS_S
ASKERS = 20
LATENCY_S = 1.0
TIMEOUT_S = 20.0
BACK_WITHIN_S = 30.0
OUTAGES: dict[str, HttpAnswer | Trouble] = {
    "429, Retry-After of ten years": an_answer(429, b"{}", retry_after="315360000"),
    "429, Retry-After a word": an_answer(429, b"{}", retry_after="soon"),
    "500": an_answer(500, b"{}"),
    "503, Retry-After": an_answer(503, b"{}", retry_after="3"),
    "refused": Trouble.UNREACHABLE,
    "hang": Trouble.TIMEOUT,
}


class _Provider:
    """A transport that answers after a second, but for an outage; it notes when it was asked."""

    def __init__(self, outage: HttpAnswer | Trouble) -> None:
        self._outage = outage
        self.asked: list[float] = []

    async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
        """Answer, or not."""
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        is_away = BEGINS_S <= now < ENDS_S
        if is_away and isinstance(self._outage, Trouble):
            await asyncio.sleep(timeout_s if self._outage is Trouble.TIMEOUT else 0.01)
            raise ProviderTroubleError("away", self._outage)
        await asyncio.sleep(LATENCY_S)
        return self._outage if is_away and isinstance(self._outage, HttpAnswer) else an_answer()

    async def aclose(self) -> None:
        """Close nothing."""

    def asked_between(self, begin_s: float, end_s: float) -> int:
        """Return how often it was asked in a time."""
        return sum(begin_s <= moment < end_s for moment in self.asked)


async def _asks_until(gateway: Gateway, until_s: float) -> None:
    """Ask without a pause, as a worker's place does that always has a next document."""
    clock = asyncio.get_running_loop().time
    while clock() < until_s:
        await gateway.wait_until_available(["small"])
        with suppress(ProviderTroubleError):
            await gateway.complete("small", PROMPT, max_output_tokens=50)


async def _played(outage: HttpAnswer | Trouble) -> _Provider:
    provider, loop, drawn = _Provider(outage), asyncio.get_running_loop(), random.Random(1)
    gateway = Gateway({"small": a_spec(timeout_s=TIMEOUT_S)}, {}, provider, clock=loop.time, jitter=drawn.random)
    await asyncio.gather(*(_asks_until(gateway, ENDS_S + 2 * BACK_WITHIN_S) for _ in range(ASKERS)))
    return provider


@pytest.mark.parametrize("kind", OUTAGES)
def test_half_an_hour_of_outage_costs_few_calls_and_ends_within_half_a_minute(kind: str) -> None:
    """After its beginning at most one call is made in ten seconds; the full rate is back within 30 s of its end."""
    provider = run_at_once(_played(OUTAGES[kind]))
    rate = provider.asked_between(BEGINS_S - 20, BEGINS_S) / 20
    assert rate == pytest.approx(ASKERS / LATENCY_S, rel=0.1)
    assert provider.asked_between(BEGINS_S, BEGINS_S + LONGEST_REST_S) <= ASKERS * (1 + MAX_TRIES)
    rest_s = LASTS_S - LONGEST_REST_S
    assert provider.asked_between(BEGINS_S + LONGEST_REST_S, ENDS_S) <= 1 + rest_s / PROBE_ALONE_S
    back = provider.asked_between(ENDS_S + BACK_WITHIN_S, ENDS_S + BACK_WITHIN_S + 20) / 20
    assert back == pytest.approx(rate, rel=0.1)
