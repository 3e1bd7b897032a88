"""Looking at the broker: how long its queues are, and whether it is set up as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from routing.errors import ServiceUnreachableError

if TYPE_CHECKING:
    from pydantic import SecretStr

_TIMEOUT_S = 5
_LEAST_VERSION = (6, 2)


class Broker:
    """A view of the Redis that carries the queues. Raises ServiceUnreachableError where it cannot be reached."""

    def __init__(self, url: SecretStr) -> None:
        self._client = redis.Redis.from_url(
            url.get_secret_value(), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        )

    def ping(self) -> None:
        """Reach it, or raise."""
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise _unreachable() from error

    def queue_length(self, queue: str) -> int:
        """Return how many messages wait on a queue."""
        try:
            return int(self._client.llen(queue))
        except redis.RedisError as error:
            raise _unreachable() from error

    def advice(self) -> list[str]:
        """Return what should be changed about this Redis before it is relied on, each with its remedy."""
        try:
            found = self._client.info()
            password = self._client.connection_pool.connection_kwargs.get("password")
        except redis.RedisError as error:
            raise _unreachable() from error
        advice = []
        policy = found.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            advice.append(f"It evicts keys when full ({policy}), messages included: set maxmemory-policy noeviction.")
        if not password:
            advice.append("It asks for no password: set requirepass, and put the password into REDIS_URL.")
        version = str(found.get("redis_version", "0"))
        if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _LEAST_VERSION:
            advice.append(f"It is version {version}: use Redis or Valkey 7 or later (6.2 at least).")
        return advice

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _unreachable() -> ServiceUnreachableError:
    return ServiceUnreachableError("The broker cannot be reached.", "Start Redis, or correct REDIS_URL.")
