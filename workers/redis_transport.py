"""kombu's way to Redis, with fewer round trips and fewer objects for each message.

kombu keeps a copy of every message that was fetched and not yet acknowledged, and takes each copy away by itself, with
a client of its own each time. Here copies are taken away together with the next one that is written, or by `flush`. A
process that dies in between leaves copies of finished chunks behind, which kombu puts back on their queue after its
`visibility_timeout`; a chunk whose items are not queued any more claims nothing.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson
from kombu.connection import Connection
from kombu.transport import redis, virtual
from kombu.utils.json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ACKNOWLEDGED = 100
"""So many copies are taken away at the latest, whoever flushes."""


class GroupedQoS(redis.QoS):
    """Remembers what was acknowledged until there is something to say to Redis anyway."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - kombu's own signature
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self._acknowledged: deque[str] = deque()

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu is untyped
        """Write the copy of a message, as kombu does but for the library that writes its JSON."""
        delivery = message.delivery_info
        copied = [message._raw, delivery["exchange"], delivery["routing_key"]]  # noqa: SLF001 - kombu's own way
        try:
            copy: str | bytes = orjson.dumps(copied)
        except TypeError:  # a stranger's message, with numbers beyond 64 bits or half a surrogate pair
            copy = dumps(copied)  # type: ignore[no-untyped-call]
        with self.pipe_or_acquire() as pipe:
            pipe.zadd(self.unacked_index_key, {delivery_tag: time.time()})
            pipe.hset(self.unacked_key, delivery_tag, copy)
            pipe.execute()
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        """Make room for another message at once, and take the copy away later."""
        self._acknowledged.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
        if len(self._acknowledged) >= MOST_ACKNOWLEDGED:
            self.flush()

    def flush(self) -> None:
        """Take away the copies of what was acknowledged. Raises kombu's connection errors."""
        if self._acknowledged:
            with self.pipe_or_acquire() as pipe:
                pipe.execute()

    @contextmanager
    def pipe_or_acquire(self, pipe: Any = None, client: Any = None) -> Iterator[Any]:  # noqa: ANN401 - kombu's own
        """Give a pipeline; a new one begins with what is to be taken away.

        It is no transaction. One that is cut off leaves an entry of the index without its copy, which kombu drops.
        """
        if pipe is not None:
            yield pipe
            return
        with self.channel.conn_or_acquire(client) as acquired:
            given = acquired.pipeline(transaction=False)
            if tags := [self._acknowledged.popleft() for _ in range(len(self._acknowledged))]:
                self._take_away(given, *tags)
            yield given

    def _remove_from_indices(self, delivery_tag: str, pipe: Any = None) -> Any:  # noqa: ANN401 - kombu's own signature
        with self.pipe_or_acquire(pipe) as given:
            return self._take_away(given, delivery_tag)

    def _take_away(self, pipe: Any, *delivery_tags: str) -> Any:  # noqa: ANN401 - kombu is untyped
        # The copy before its entry: kombu finds what is left by the index alone.
        return pipe.hdel(self.unacked_key, *delivery_tags).zrem(self.unacked_index_key, *delivery_tags)

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ANN401 - kombu's own signature
        """Take away what is left to take away, before the rest goes back to its queue."""
        with suppress(*self.channel.connection_errors):
            self.flush()
        super().restore_unacked_once(stderr)  # type: ignore[no-untyped-call]


class OneClientChannel(redis.Channel):
    """Asks through one client, which may be shared by threads, instead of making one for each question."""

    QoS = GroupedQoS
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's own signature
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept


class RedisTransport(redis.Transport):
    """kombu's transport with these channels."""

    Channel = OneClientChannel


class RedisConnection(Connection):
    """A connection that takes this transport for kombu's own one; that of Sentinel stays as it is."""

    def get_transport_cls(self) -> Any:  # noqa: ANN401 - kombu's own signature
        """Return the transport of this connection's address."""
        found = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return RedisTransport if found is redis.Transport else found
