"""Messages are fetched and acknowledged as kombu does it, with fewer questions to Redis."""

from __future__ import annotations

import json
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kombu.transport.redis import SentinelChannel

from tests.support.redis_process import RedisProcess
from workers.redis_transport import RedisConnection

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


def test_what_is_fetched_leaves_no_copy(server: RedisProcess) -> None:
    """The ledger knows what it was about."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        _fetched(connection, 2)
        assert _copies(client) == (0, 0)


def test_what_was_not_acknowledged_goes_back_when_a_channel_closes(server: RedisProcess) -> None:
    """It is fetched next, in the same order; what was acknowledged does not."""
    with redis.Redis.from_url(server.url) as client:
        with _connection(server.url) as connection:
            first, *_ = _fetched(connection, 3)
            first.ack()
            client.lpush(QUEUE, "what came later")
        assert _numbers(client) == [1, 2]


def _numbers(client: redis.Redis) -> list[int]:
    """Return what the messages of the queue say, from the next one on, but for the last one."""
    *messages, _last = reversed(client.lrange(QUEUE, 0, -1))
    return [json.loads(b64decode(json.loads(message)["body"]))["number"] for message in messages]


def test_a_channel_that_has_lost_its_redis_puts_nothing_back(
    server: RedisProcess, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told of an emergency, and no file is written: the sweeper publishes it once more."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    with _connection(server.url) as connection:
        _fetched(connection, 2)
        server.kill()
    assert not [*(tmp_path / "elsewhere").iterdir()]
    assert all(record.levelname == "INFO" for record in caplog.records)


def test_a_strangers_message_keeps_no_other_from_going_back(server: RedisProcess) -> None:
    """It does not say where it belongs."""
    with redis.Redis.from_url(server.url) as client:
        with _connection(server.url) as connection:
            _fetched(connection, 1)[0].requeue()
            message = json.loads(client.lindex(QUEUE, 0) or "")
            del message["properties"]["delivery_info"]
            message["properties"]["delivery_tag"] = "another"
            client.lpush(QUEUE, json.dumps(message))
            while client.llen(QUEUE):
                connection.drain_events(timeout=5)  # type: ignore[no-untyped-call]
        assert client.llen(QUEUE) == 1


def test_a_redis_that_takes_nothing_ends_no_channel_halfway(server: RedisProcess) -> None:
    """It is full, say; what was fetched is published once more by the sweeper."""
    with redis.Redis.from_url(server.url) as client:
        connection = _connection(server.url)
        channel = connection.default_channel
        _fetched(connection, 2)
        client.config_set("maxmemory", 1)
        channel.close()  # type: ignore[no-untyped-call]
        assert channel.closed
        client.config_set("maxmemory", 0)
        connection.close()  # type: ignore[no-untyped-call]


def test_a_message_that_is_refused_goes_to_the_end_of_its_queue_or_away(server: RedisProcess) -> None:
    """As kombu does it."""
    with redis.Redis.from_url(server.url) as client:
        with _connection(server.url) as connection:
            first, second, third = _fetched(connection, 3)
            first.requeue()
            second.reject()
            third.ack()
            assert client.llen(QUEUE) == 1
        assert client.llen(QUEUE) == 1


def test_copies_of_an_earlier_version_go_back_to_their_queue(server: RedisProcess) -> None:
    """What a worker left in Redis as it died, before this one took its place."""
    with redis.Redis.from_url(server.url) as client, _connection(server.url) as connection:
        _fetched(connection, 1)[0].requeue()
        message = json.loads(client.rpop(QUEUE) or "")
        client.hset("unacked", "left", json.dumps([message, "", QUEUE]))
        client.zadd("unacked_index", {"left": 1})
        connection.default_channel.qos.restore_visible(interval=1)
        assert (client.llen(QUEUE), _copies(client)) == (1, (0, 0))


def test_an_acknowledged_message_makes_room_at_once(server: RedisProcess) -> None:
    """How many are fetched ahead depends on it."""
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
