"""Shared limits on a pretended and on a real Redis: what all workers together may ask of a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fakeredis
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.limits import LimitPort, NoLimits, RateLimit
from producer.embedded.redis_server import EmbeddedRedis
from routing.errors import ProviderTroubleError, Trouble
from workers.limits.redis_limits import BURST_S, RedisLimits

Scenario = Callable[[LimitPort, LimitPort, Redis], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture(params=["fakeredis", "redis"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Runs a scenario with two workers' views of one Redis, once of each kind."""
    with _server(request.param, tmp_path) as connect:

        def scenario(play: Scenario) -> None:
            async def both() -> None:
                clients = [connect() for _ in range(3)]
                await play(RedisLimits(clients[0]), RedisLimits(clients[1]), clients[2])
                for client in clients:
                    await client.aclose()

            asyncio.run(both())

        yield scenario


@contextmanager
def _server(kind: str, directory: Path) -> Iterator[Callable[[], Redis]]:
    if kind == "fakeredis":
        server = fakeredis.FakeServer()
        yield lambda: fakeredis.FakeAsyncRedis(server=server)
        return
    with EmbeddedRedis(directory) as embedded:
        yield lambda: Redis.from_url(embedded.url)


def test_two_workers_share_one_limit(run: Run) -> None:
    """Sixty requests a minute are one a second, whoever asks; only the burst goes through at once."""
    limit = RateLimit(60, None)

    async def play(one: LimitPort, two: LimitPort, _: Redis) -> None:
        waits = [await (one if number % 2 else two).reserve("m", limit, 1) for number in range(10)]
        assert waits == sorted(waits)
        assert sum(wait == 0 for wait in waits) <= 1 + BURST_S
        assert 10 - 1 - BURST_S - 0.5 <= waits[-1] <= 9

    run(play)


def test_tokens_are_limited_and_settled(run: Run) -> None:
    """What was reserved and not used is given back."""
    limit = RateLimit(None, 60_000)

    async def play(one: LimitPort, two: LimitPort, _: Redis) -> None:
        await one.reserve("m", limit, 10_000)
        assert 7 < await two.reserve("m", limit, 1) <= 10
        await one.settle("m", limit, -9_000)
        assert await two.reserve("m", limit, 1) < 1

    run(play)


def test_models_do_not_limit_each_other(run: Run) -> None:
    """Each has its own count."""

    async def play(one: LimitPort, _: LimitPort, redis: Redis) -> None:
        for model in ("a", "b"):
            assert await one.reserve(model, RateLimit(1, 10), 10) == 0
        keys = sorted(await redis.keys("*"))
        assert keys == [f"cheapfirst:limit:{{{m}}}:{w}".encode() for m in "ab" for w in ("requests", "tokens")]
        assert all([await redis.pttl(key) > 0 for key in keys])

    run(play)


def test_without_redis_nothing_is_called() -> None:
    """A limit that cannot be kept is trouble; a correction that cannot be made is let go."""

    async def play() -> None:
        limits = RedisLimits.at(SecretStr("redis://127.0.0.1:1/0"))
        with pytest.raises(ProviderTroubleError) as caught:
            await limits.reserve("m", RateLimit(1, 1), 1)
        assert caught.value.trouble is Trouble.UNREACHABLE
        await limits.settle("m", RateLimit(1, 1), 5)
        await limits.aclose()

    asyncio.run(play())


def test_no_limits_admit_everything() -> None:
    """The null form waits for nobody."""

    async def play() -> None:
        limits = NoLimits()
        assert await limits.reserve("m", RateLimit(1, 1), 10**9) == 0
        await limits.settle("m", RateLimit(1, 1), 5)
        await limits.aclose()

    asyncio.run(play())
