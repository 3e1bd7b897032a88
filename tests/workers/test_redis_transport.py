"""Messages are fetched and acknowledged as kombu does it, with fewer questions to Redis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kombu.transport.redis import SentinelChannel

from tests.support.redis_process import RedisProcess
from workers.redis_transport import MOST_ACKNOWLEDGED, RedisConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = "cheap"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Run a Redis of the test's own."""
    with RedisProcess(tmp_path / "redis") as server:
        yield server


def _connection(url: str) -> RedisConnection:
    return RedisConnection(url)  # type: ignore[no-untyped-call]


def _copies(client: redis.Redis) -> tuple[int, int]:
    return int(client.hlen("unacked")), int(client.zcard("unacked_index"))


def _fetched(connection: RedisConnection, messages: int) -> list[Any]:
    """Return so many messages that were just published and fetched."""
    channel = connection.default_channel
    received: list[Any] = []
    connection.Consumer([], channel).channel.queue_declare(QUEUE)  # type: ignore[no-untyped-call]
    channel.basic_consume(QUEUE, no_ack=False, callback=received.append, consumer_tag="one")  # type: ignore[no-untyped-call]
    for number in range(messages):
        connection.Producer(channel).publish({"number": number}, routing_key=QUEUE)  # type: ignore[no-untyped-call]
    while len(received) < messages:
        connection.drain_events(timeout=5)  # type: ignore[no-untyped-call]
    return received


def test_copies_of_acknowledged_messages_go_with_the_next_flush(server: RedisProcess) -> None:
    """Until then a worker that dies leaves them, so that nothing is lost by waiting."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        for message in _fetched(connection, 3):
            message.ack()
        assert _copies(client) == (3, 3)
        connection.default_channel.qos.flush()
        assert _copies(client) == (0, 0)


def test_copies_go_when_another_message_comes(server: RedisProcess) -> None:
    """One round trip serves both."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        received = _fetched(connection, 1)
        received[0].ack()
        connection.Producer(connection.default_channel).publish({}, routing_key=QUEUE)
        while len(received) < 2:
            connection.drain_events(timeout=5)
        assert _copies(client) == (1, 1)
        assert received[0].delivery_tag not in {key.decode() for key in client.hkeys("unacked")}


def test_what_is_cut_off_leaves_nothing_for_ever(server: RedisProcess) -> None:
    """A copy is found by its entry in the index alone, so that the entry comes first and goes last."""
    with _connection(server.url) as connection:
        messages = _fetched(connection, 2)
        qos = connection.default_channel.qos
        messages[0].ack()
        with qos.pipe_or_acquire() as pipe:
            assert _commands(pipe) == ["HDEL", "ZREM"]
        assert _commands(qos._remove_from_indices(messages[1].delivery_tag)) == ["HDEL", "ZREM"]
    with redis.Redis.from_url(server.url) as client, client.monitor() as monitor, _connection(server.url) as connection:
        _fetched(connection, 1)
        told = (monitor.next_command()["command"].split()[0] for _ in range(1_000))
        assert next(name for name in told if name in {"ZADD", "HSET"}) == "ZADD"


@pytest.mark.parametrize("strange", [{"number": 10**30}, {"text": "\ud800"}], ids=str)
def test_a_strangers_message_is_copied_as_well(server: RedisProcess, strange: dict[str, object]) -> None:
    """Python's JSON takes more than others do; what came has to be kept until it is put aside."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        _fetched(connection, 1)
        message = _copy(client)
        properties = {**message["properties"], "delivery_tag": "another"}
        client.lpush(QUEUE, json.dumps({**message, "headers": strange, "properties": properties}))
        connection.drain_events(timeout=5)  # type: ignore[no-untyped-call]
        assert _copies(client) == (2, 2)


def _copy(client: redis.Redis) -> dict[str, Any]:
    """Return the message of the only copy there is."""
    [copy] = client.hvals("unacked")
    message: dict[str, Any] = json.loads(copy)[0]
    return message


def _commands(pipe: Any) -> list[str]:  # noqa: ANN401 - kombu is untyped
    return [arguments[0] for arguments, _ in pipe.command_stack]


def test_no_more_than_a_bound_of_copies_wait(server: RedisProcess) -> None:
    """Also where nobody flushes."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        for message in _fetched(connection, MOST_ACKNOWLEDGED):
            message.ack()
        assert _copies(client) == (0, 0)


def test_what_was_not_acknowledged_goes_back_when_a_channel_closes(server: RedisProcess) -> None:
    """And what was acknowledged does not."""
    with redis.Redis.from_url(server.url) as client:
        with _connection(server.url) as connection:
            first, _second = _fetched(connection, 2)
            first.ack()
        assert (client.llen(QUEUE), _copies(client)) == (1, (0, 0))


def test_an_acknowledged_message_makes_room_at_once(server: RedisProcess) -> None:
    """How many are fetched ahead does not depend on when copies go."""
    with _connection(server.url) as connection:
        connection.default_channel.basic_qos(0, 1, apply_global=False)
        (message,) = _fetched(connection, 1)
        assert not connection.default_channel.qos.can_consume()
        message.ack()
        assert connection.default_channel.qos.can_consume()


def test_a_channel_asks_through_one_client(server: RedisProcess) -> None:
    """It is made anew only with another pool of connections."""
    with _connection(server.url) as connection:
        channel = connection.default_channel
        with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
            assert one is other
        channel._disconnect_pools()
        with channel.conn_or_acquire() as later:
            assert later is not one


def test_sentinels_keep_their_own_transport() -> None:
    """They find the master by it."""
    with _connection("sentinel://127.0.0.1:1") as connection:
        assert connection.get_transport_cls().Channel is SentinelChannel
