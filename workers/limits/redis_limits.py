"""Rate limits that all workers share, kept in Redis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.limits import HORIZON_S
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from pydantic import SecretStr

    from gateway.limits import RateLimit

BURST_S = 1.0
"""Allowance that may be saved up: in any minute at most a sixtieth more than the limit is asked."""
TIMEOUT_S = 5
MOST_CONNECTIONS = 16
"""Hundreds of calls reserve at once in round trips of microseconds: they share these rather than open more."""
_HERE = Path(__file__).parent


class RedisLimits:
    """Reserves and settles in one round trip each. Only ids of models are ever in Redis.

    Without Redis nothing is called: a limit that is not kept may cost the whole account its access.
    """

    @classmethod
    def at(cls, url: SecretStr) -> RedisLimits:
        """Return the limits kept in the Redis at this address."""
        pool = BlockingConnectionPool.from_url(
            url.get_secret_value(),
            max_connections=MOST_CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # for a connection gone stale; the gateway waits and tries again by itself
        )
        return cls(Redis.from_pool(pool))

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._reserve = client.register_script((_HERE / "reserve.lua").read_text())
        self._settle = client.register_script((_HERE / "settle.lua").read_text())

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
        """Reserve one request of about `tokens` tokens, and return how many seconds to wait before it is made.

        Raises ProviderTroubleError where Redis cannot be reached.
        """
        try:
            wait_us = await self._reserve(
                keys=_keys(model), args=[*_rates(limit), tokens, round(BURST_S * 1e6), round(HORIZON_S * 1e6)]
            )
        except (RedisError, OSError) as error:
            raise ProviderTroubleError(
                f"The shared limit of `{model}` cannot be reached ({type(error).__name__}).", Trouble.UNREACHABLE
            ) from None
        return int(wait_us) / 1e6

    async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
        """Correct a reserve by `tokens` and `requests` (negative: fewer were used than reserved).

        Where Redis is gone, the reserve stands: it erred on the safe side.
        """
        if not (requests or (tokens and limit.tokens_per_minute)):
            return
        try:
            await self._settle(keys=_keys(model), args=[*_rates(limit), requests, tokens])
        except (RedisError, OSError):
            return

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _keys(model: str) -> list[str]:
    return [f"cheapfirst:limit:{{{model}}}:{what}" for what in ("requests", "tokens")]


def _rates(limit: RateLimit) -> tuple[int, int]:
    return limit.requests_per_minute or 0, limit.tokens_per_minute or 0
