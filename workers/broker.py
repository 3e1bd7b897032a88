"""Looking at the broker: how long its queues are, and whether it is set up as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from routing.errors import ServiceUnreachableError, UsageError
from workers.messages import PARKED

if TYPE_CHECKING:
    from pydantic import SecretStr

_TIMEOUT_S = 5
_LEAST_VERSION = (6, 2)


_PROBE = "cheapfirst:probe"
"""A key that is gone again at once."""


class Broker:
    """A view of the Redis that carries the queues.

    Raises UsageError for an address that names none, and from every method ServiceUnreachableError where it cannot be
    reached.
    """

    def __init__(self, url: SecretStr) -> None:
        try:
            self._client = redis.Redis.from_url(
                url.get_secret_value(), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
            )
        except ValueError:  # it may quote the address, password included
            raise UsageError("REDIS_URL is no address of a Redis.", "Write redis://:PASSWORD@HOST:6379/0.") from None

    def ping(self) -> None:
        """Reach it and see that it takes what is written, or raise: PING is answered without memory as well."""
        try:
            self._client.set(_PROBE, "", px=1)
        except redis.RedisError as error:
            raise translated(error) from error

    def require_room(self) -> None:
        """Raise where it is there and takes nothing; one that cannot be reached may yet come."""
        try:
            self._client.set(_PROBE, "", px=1)
        except (redis.ConnectionError, redis.TimeoutError):
            return
        except redis.RedisError as error:
            raise translated(error) from error

    def queue_length(self, queue: str) -> int:
        """Return how many messages wait on a queue."""
        try:
            return int(self._client.llen(queue))
        except redis.RedisError as error:
            raise translated(error) from error

    def bring_forward(self, queue: str, messages: int) -> None:
        """Let the messages that were published last be the next ones taken, in the same order."""
        # kombu pushes on the left and pops on the right. Where somebody publishes in between, theirs moves instead.
        pipeline = self._client.pipeline(transaction=False)
        for _ in range(messages):
            pipeline.lmove(queue, queue, "LEFT", "RIGHT")
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise translated(error) from error

    def unpark(self, queue: str) -> int:
        """Put the messages of other versions that wait aside of a queue back on it, and return how many there were."""
        try:
            parked = int(self._client.llen(queue + PARKED))
            pipeline = self._client.pipeline(transaction=False)
            for _ in range(parked):
                pipeline.lmove(queue + PARKED, queue, "RIGHT", "LEFT")
            return sum(moved is not None for moved in pipeline.execute())
        except redis.RedisError as error:
            raise translated(error) from error

    def advice(self) -> list[str]:
        """Return what should be changed about this Redis before it is relied on, each with its remedy."""
        try:
            found = self._client.info()
            password = self._client.connection_pool.connection_kwargs.get("password")
            parked = {
                key.decode(): int(self._client.llen(key)) for key in self._client.scan_iter(f"*{PARKED}", _type="LIST")
            }
        except redis.RedisError as error:
            raise translated(error) from error
        advice = []
        policy = found.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            advice.append(f"It evicts keys when full ({policy}), messages included: set maxmemory-policy noeviction.")
        if not password:
            advice.append("It asks for no password: set requirepass, and put the password into REDIS_URL.")
        version = str(found.get("redis_version", "0"))
        if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _LEAST_VERSION:
            advice.append(f"It is version {version}: use Redis or Valkey 7 or later (6.2 at least).")
        for name, messages in sorted(parked.items()):
            advice.append(f"{messages} messages of another version wait on {name}: start a worker of that version.")
        return advice

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def translated(error: BaseException | None) -> ServiceUnreachableError:
    """Return what an error of Redis means: that it is full and refuses writes, else that it cannot be reached."""
    # MISCONF is how Redis begins to refuse every write, and PING, after one to its files has failed.
    if isinstance(error, redis.exceptions.OutOfMemoryError) or (
        isinstance(error, redis.ResponseError) and "MISCONF " in str(error)
    ):
        return ServiceUnreachableError(
            "The broker takes no messages: Redis says that its disk or its memory is full.",
            "Make room for it; what is queued is published then.",
        )
    if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.NoPermissionError):
        return ServiceUnreachableError("The broker refuses the password of REDIS_URL.", "Correct it.")
    return ServiceUnreachableError("The broker cannot be reached.", "Start Redis, or correct REDIS_URL.")
