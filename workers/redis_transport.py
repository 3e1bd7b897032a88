"""kombu's way to Redis, with fewer round trips and fewer objects for each message.

kombu writes a copy of every message that was fetched and not yet acknowledged, and takes it away again, so that those
of a process that dies go back on their queue an hour later. Here they are remembered in the process alone: what its
messages were about is still queued in the ledger, and the sweeper publishes it once more.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kombu.connection import Connection
from kombu.transport import redis, virtual

if TYPE_CHECKING:
    from collections.abc import Sequence


class FetchedMessages(redis.QoS):
    """Knows what was fetched and not yet acknowledged, and puts it back where the channel ends before that.

    Copies that an earlier version left in Redis go back to their queues as they did in that version.
    """

    append = virtual.QoS.append
    ack = virtual.QoS.ack

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's own signature
        """Forget a message; put it at the end of its queue where that is asked."""
        if requeue:
            self._put_back([self._delivered[delivery_tag]], first=False)
        self.ack(delivery_tag)  # type: ignore[no-untyped-call]

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401, ARG002 - kombu's own signature
        """Put what is left at the front of its queue, in the order it was fetched in.

        Nothing where Redis is away or takes nothing: the sweeper publishes it once more.
        """
        self._flush()  # type: ignore[no-untyped-call]
        left = [*reversed(self._delivered.values())]
        self._delivered.clear()
        with suppress(*self.channel.connection.connection_errors, *self.channel.connection.channel_errors):
            self._put_back(left, first=True)

    def _put_back(self, messages: Sequence[Any], *, first: bool) -> None:
        with self.channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            for message in messages:
                told = message.delivery_info or {}
                if told.get("routing_key"):  # else it is a stranger's, which says nothing of where it belongs
                    self.channel._do_restore_message(  # noqa: SLF001 - what kombu itself puts them back with
                        message._raw,  # noqa: SLF001 - as it came
                        told.get("exchange", ""),
                        told["routing_key"],
                        pipe,
                        leftmost=not first,
                    )
            pipe.execute()


class OneClientChannel(redis.Channel):
    """Asks through one client, which may be shared by threads, instead of making one for each question."""

    QoS = FetchedMessages
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
