"""Shared limits: what all workers together ask of a model, on a simulated Redis and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from pydantic import SecretStr

from gateway.limits import HORIZON_S, RateLimit
from producer.embedded.redis_server import EmbeddedRedis
from routing.errors import ProviderTroubleError, ServiceUnreachableError, Trouble
from tests.support.services import missing
from workers.limits.redis_limits import BURST_S, RedisLimits

Open = Callable[[], RedisLimits]
SLACK_S = 0.3
ELAPSED_S = 1.0
"""What may pass between two steps against a real Redis on a busy machine."""
"""The real server's clock runs on between two reserves."""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this module's own."""
    try:
        with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
            yield server.url
    except ServiceUnreachableError:
        missing("Redis", "apt-get install redis-server")


@pytest.fixture(params=["simulated", "real"])
def open_limits(request: pytest.FixtureRequest) -> Open:
    """Open one more client of the same Redis."""
    if request.param == "simulated":
        server = FakeServer()
        return lambda: RedisLimits(FakeAsyncRedis(server=server, max_connections=1000))
    url = SecretStr(request.getfixturevalue("redis_url"))
    return lambda: RedisLimits.at(url)


@asynccontextmanager
async def _two(open_limits: Open) -> AsyncIterator[tuple[RedisLimits, RedisLimits]]:
    first, second = open_limits(), open_limits()
    try:
        yield first, second
    finally:
        await first.aclose()
        await second.aclose()


def _run(open_limits: Open, steps: Callable[[RedisLimits, RedisLimits], Awaitable[list[float]]]) -> list[float]:
    async def run() -> list[float]:
        async with _two(open_limits) as (first, second):
            return await steps(first, second)

    return asyncio.run(run())


def test_two_clients_together_keep_a_limit_of_requests(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """In any second no more than the limit is asked, and what the burst adds to it, as far ahead as is reserved."""
    model, per_minute = request.node.name, 1200
    limit, per_second = RateLimit(per_minute, None), per_minute // 60

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        reserves = [client.reserve(model, limit, 999) for _ in range(200) for client in (first, second)]
        return await asyncio.gather(*reserves)

    starts = sorted(start for start in _run(open_limits, steps) if start <= HORIZON_S)
    burst = round(per_second * BURST_S)
    for index, start in enumerate(starts):
        within = sum(1 for other in starts[index:] if other < start + 1)
        assert within <= per_second * (1 + SLACK_S) + burst
    assert starts[0] == 0
    assert HORIZON_S - starts[-1] < 1 + SLACK_S  # and no slower than it must


def test_what_a_dead_worker_had_reserved_is_soon_over(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """However many calls it waited to make: nothing beyond the horizon, and the one call across it, is reserved."""
    model, limit = request.node.name, RateLimit(60, 60_000)

    async def steps(dead: RedisLimits, living: RedisLimits) -> list[float]:
        await asyncio.gather(*(dead.reserve(model, limit, 1000) for _ in range(300)))
        return [await living.reserve(model, limit, 1000)]

    (wait_s,) = _run(open_limits, steps)
    assert HORIZON_S < wait_s <= HORIZON_S + 1 + SLACK_S


def test_a_request_that_is_not_made_is_given_back(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """The next one takes its place."""
    model, limit = request.node.name, RateLimit(12, 6000)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        waits = [await first.reserve(model, limit, 500), await first.reserve(model, limit, 500)]
        await first.settle(model, limit, -500, requests=-1)
        return [*waits, await second.reserve(model, limit, 500)]

    assert _run(open_limits, steps) == pytest.approx([0, 4, 4], abs=ELAPSED_S)


def test_tokens_are_limited_as_requests_are(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """A call waits for the tokens of those before it, not for its own."""
    model, limit = request.node.name, RateLimit(None, 6000)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        return [await client.reserve(model, limit, 1000) for client in (first, second, first)]

    waits = _run(open_limits, steps)
    assert waits == pytest.approx([0, 9, 19], abs=ELAPSED_S)


def test_the_stricter_limit_decides(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """With both limits a call waits until neither is exceeded."""
    model, limit = request.node.name, RateLimit(60, 600)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        return [await client.reserve(model, limit, 100) for client in (first, second)]

    assert _run(open_limits, steps) == pytest.approx([0, 9], abs=ELAPSED_S)


def test_settling_gives_back_and_takes(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """The next call waits for what was used, not for what was reserved."""
    model, limit = request.node.name, RateLimit(None, 6000)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        await first.reserve(model, limit, 2000)
        await first.settle(model, limit, -1000)
        less = await second.reserve(model, limit, 0)
        await second.settle(model, limit, 500)
        return [less, await first.reserve(model, limit, 0)]

    assert _run(open_limits, steps) == pytest.approx([9, 14], abs=ELAPSED_S)


def test_giving_back_saves_up_no_more_than_the_burst(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """What was never used in the past is not a right to exceed the limit now."""
    model, limit = request.node.name, RateLimit(None, 6000)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        await first.reserve(model, limit, 100)
        await first.settle(model, limit, -1_000_000)
        return [await second.reserve(model, limit, 1000), await second.reserve(model, limit, 0)]

    assert _run(open_limits, steps) == pytest.approx([0, 9], abs=ELAPSED_S)


def test_what_is_not_limited_by_tokens_is_not_settled(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """Only a limit of tokens has something to correct, and only what was reserved before."""
    model = request.node.name

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        await first.settle(model, RateLimit(60, None), 1_000_000)
        await first.settle(model, RateLimit(None, 60), 0)
        await first.settle(model, RateLimit(None, 60), 1_000_000)
        return [await second.reserve(model, RateLimit(None, 60), 1)]

    assert _run(open_limits, steps) == [0]


def test_models_do_not_share_a_limit(open_limits: Open, request: pytest.FixtureRequest) -> None:
    """A busy model does not hold back another."""
    model, limit = request.node.name, RateLimit(1, None)

    async def steps(first: RedisLimits, second: RedisLimits) -> list[float]:
        return [await first.reserve(name, limit, 1) for name in (model, f"{model} 2", model)]

    assert _run(open_limits, steps) == pytest.approx([0, 0, 59], abs=ELAPSED_S)


def test_hundreds_of_calls_share_a_few_connections(redis_url: str) -> None:
    """Every reserve has its answer, however many are made at once."""

    async def run() -> list[float]:
        limits = RedisLimits.at(SecretStr(redis_url))
        try:
            return await asyncio.gather(*(limits.reserve("many", RateLimit(60_000, None), 1) for _ in range(500)))
        finally:
            await limits.aclose()

    assert len(asyncio.run(run())) == 500


def test_without_redis_nothing_is_called() -> None:
    """A limit that cannot be kept is trouble, told without the address's password; a settle is let go."""

    async def run() -> None:
        limits = RedisLimits.at(SecretStr("redis://:swordfish@127.0.0.1:1/0"))
        try:
            await limits.settle("small", RateLimit(None, 60), -5)
            with pytest.raises(ProviderTroubleError, match="small") as caught:
                await limits.reserve("small", RateLimit(60, 60), 5)
        finally:
            await limits.aclose()
        assert caught.value.trouble is Trouble.UNREACHABLE
        assert "swordfish" not in str(caught.value)

    asyncio.run(run())


def test_redis_learns_nothing_but_names_of_models() -> None:
    """Keys of the limit hold the model's name and a time."""

    async def run() -> dict[bytes, bytes]:
        client = FakeAsyncRedis(server=FakeServer())
        limits = RedisLimits(client)
        await limits.reserve("small", RateLimit(60, 60), 5)
        found = {key: await client.get(key) for key in await client.keys("*")}
        assert all([await client.ttl(key) > 0 for key in found])
        await limits.aclose()
        return found

    found = asyncio.run(run())
    assert set(found) == {b"cheapfirst:limit:{small}:requests", b"cheapfirst:limit:{small}:tokens"}
    assert all(value.isdigit() for value in found.values())
