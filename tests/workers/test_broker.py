"""What is asked of a real Redis: lengths, order, and messages that wait aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from routing.errors import ServiceUnreachableError, UsageError
from tests.support.redis_process import RedisProcess
from workers.app import WorkerApp, create_app
from workers.broker import Broker, translated
from workers.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis of this test's own."""
    with RedisProcess(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def broker(server: RedisProcess) -> Iterator[Broker]:
    """A view of it."""
    view = Broker(SecretStr(server.url))
    yield view
    view.close()


@pytest.fixture
def app(server: RedisProcess, tmp_path: Path) -> WorkerApp:
    """An application that publishes one item per message there."""
    file = tmp_path / "cheapfirst.yaml"
    file.write_text("models:\n  m: {provider: openai, model: gpt-5-mini}\nqueues:\n  cheap: {chunk: 1}\n")
    settings = Settings.model_validate({"REDIS_URL": server.url, "CHEAPFIRST_DEPLOYMENT": file})
    return create_app(settings)


def _items_in_the_order_they_are_taken(server: RedisProcess, queue: str) -> list[int]:
    taken = []
    with redis.Redis.from_url(server.url) as client:
        while (message := client.rpop(queue)) is not None:
            assert isinstance(message, bytes)
            arguments, fields, _ = json.loads(json.loads(message)["body"])
            assert arguments == []
            taken += fields["items"]
    return taken


def test_what_is_brought_forward_is_taken_next_in_its_order(
    server: RedisProcess, broker: Broker, app: WorkerApp
) -> None:
    """Items of a dead worker do not wait behind a backlog."""
    app.publisher.publish("cheap", [(1, 4), (1, 5), (1, 6)])
    messages = app.publisher.publish("cheap", [(1, 1), (1, 2)])
    assert (messages, broker.queue_length("cheap")) == (2, 5)
    broker.bring_forward("cheap", messages)
    assert _items_in_the_order_they_are_taken(server, "cheap") == [1, 2, 4, 5, 6]


def test_bringing_forward_what_is_gone_changes_nothing(broker: Broker) -> None:
    """Somebody was faster."""
    broker.bring_forward("cheap", 3)
    assert broker.queue_length("cheap") == 0


def test_a_message_of_another_version_waits_aside_until_a_worker_puts_it_back(
    server: RedisProcess, broker: Broker, app: WorkerApp
) -> None:
    """It is told by `check`, and whole when it comes back."""
    app.tasks["cheap"](v=2, job=1, items=[7], hint="new")
    assert (broker.queue_length("cheap"), broker.queue_length("cheap.parked")) == (0, 1)
    assert "1 messages of another version wait on cheap.parked: start a worker of that version." in broker.advice()
    assert broker.unpark("cheap") == 1
    assert broker.unpark("cheap") == 0
    assert _items_in_the_order_they_are_taken(server, "cheap") == [7]


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
    ],
)
def test_a_full_broker_is_not_called_unreachable(error: redis.RedisError) -> None:
    """What Redis refuses as it is full, PING included, is told as that."""
    assert "its disk or its memory is full" in str(translated(error))
    assert "cannot be reached" in str(translated(redis.ConnectionError("Connection refused")))


def test_a_redis_without_memory_is_seen_before_anything_is_published(server: RedisProcess, broker: Broker) -> None:
    """It answers PING all the same."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(ServiceUnreachableError, match="its memory is full"):
        broker.ping()


def test_messages_that_travel_together_keep_their_order(server: RedisProcess, app: WorkerApp) -> None:
    """More of them than one way to Redis takes."""
    assert app.publisher.publish("cheap", [(1, position) for position in range(1, 1202)]) == 1201
    assert _items_in_the_order_they_are_taken(server, "cheap") == list(range(1, 1202))


@pytest.mark.parametrize("messages", [1, 2, 1500])
def test_a_full_redis_is_told(server: RedisProcess, app: WorkerApp, messages: int) -> None:
    """Whether it refuses one message or many at once."""
    app.publisher.publish("cheap", [(1, 1)])
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(ServiceUnreachableError, match="its memory is full"):
        app.publisher.publish("cheap", [(1, position) for position in range(1, messages + 1)])


@pytest.mark.parametrize("messages", [1, 2, 1500])
def test_a_redis_that_went_away_is_told_and_used_again(
    server: RedisProcess, app: WorkerApp, broker: Broker, messages: int
) -> None:
    """A connection from before is no fault of the program."""
    keys = [(1, position) for position in range(1, messages + 1)]
    app.publisher.publish("cheap", keys)
    server.kill()
    with pytest.raises(ServiceUnreachableError, match="cannot be reached"):
        app.publisher.publish("cheap", keys)
    server.start()
    app.publisher.publish("cheap", keys)
    assert broker.queue_length("cheap") == messages


def test_a_wrong_password_is_not_called_unreachable(server: RedisProcess) -> None:
    """Whoever starts Redis again because of it looks in the wrong place."""
    broker = Broker(SecretStr(server.url.replace(":loopback@", ":wrong@")))
    with pytest.raises(ServiceUnreachableError, match="refuses the password of REDIS_URL"):
        broker.ping()
    broker.close()


def test_what_is_no_address_of_a_redis_is_told_as_that() -> None:
    """It is the user's mistake, and not a fault of the program; what was written is not quoted."""
    with pytest.raises(UsageError, match="REDIS_URL is no address") as told:
        Broker(SecretStr("a-secret@host:6379"))
    assert "a-secret" not in str(told.value)


def test_a_worker_that_starts_on_a_full_redis_says_so_and_ends(
    server: RedisProcess, app: WorkerApp, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence and exit status 3, where Celery would print a traceback."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(SystemExit) as ended:
        app.start_engine(1)
    assert ended.value.code == 3
    told = capsys.readouterr().err
    assert told.startswith("cheapfirst: The broker takes no messages")
    assert told.count("\n") == 1
