"""What a chunk weighs in Redis, and what Flower is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import redis
from celery import Celery

from tests.support.redis_process import RedisProcess
from workers.app import WorkerApp, create_app
from workers.celery_messages import ChunkRequest, as_kombu_writes
from workers.settings import Settings

POSITIONS = range(9_000_001, 9_000_017)
FIELDS = {"v": 1, "job": 1, "items": list(POSITIONS)}


def _app(server: RedisProcess, folder: Path) -> WorkerApp:
    file = folder / "cheapfirst.yaml"
    file.write_text("models:\n  m: {provider: openai, model: gpt-5-mini}\n")
    return create_app(Settings.model_validate({"REDIS_URL": server.url, "CHEAPFIRST_DEPLOYMENT": file}))


def _received(app: WorkerApp) -> ChunkRequest:
    with app.connection_for_read() as connection:
        message = app.amqp.queues["cheap"].bind(connection.default_channel).get(no_ack=True)
        return ChunkRequest(message, app=app, task=app.tasks["cheap"])


def test_a_million_items_fit_into_40_mb(tmp_path: Path) -> None:
    """A chunk of 16 late positions of a large job takes at most 40 MB / 62 500; Redis adds ten bytes to each."""
    with RedisProcess(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        _app(server, tmp_path).publisher.publish("cheap", [(1, position) for position in POSITIONS])
        message = client.rpop("cheap")
        assert isinstance(message, bytes)
        assert len(message) + 10 <= 640


def test_flower_is_told_what_a_chunk_holds(tmp_path: Path) -> None:
    """The worker says it; it does not travel twice."""
    with RedisProcess(tmp_path / "redis") as server:
        app = _app(server, tmp_path)
        app.publisher.publish("cheap", [(1, position) for position in POSITIONS])
        request = _received(app)
        assert (request.name, request.kwargs, request.kwargsrepr) == ("cheap", FIELDS, repr(FIELDS))
        assert request.ignore_result


def test_messages_in_the_form_of_celery_are_read_as_well(tmp_path: Path) -> None:
    """A producer of an older version may share the queue."""
    with RedisProcess(tmp_path / "redis") as server:
        with Celery(broker=server.url, set_as_current=False) as older:
            older.send_task("cheap", kwargs=FIELDS, queue="cheap")
        assert _received(_app(server, tmp_path)).kwargs == FIELDS


def test_messages_that_travel_together_are_what_celery_sends_one_by_one(tmp_path: Path) -> None:
    """Field by field, but for their own ids; the first of many is Celery's own."""
    with RedisProcess(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        app = _app(server, tmp_path)
        app.publisher.publish("cheap", [(1, position) for position in range(9_000_001, 9_000_033)])
        by_celery, together = (json.loads(client.rpop("cheap")) for _ in range(2))
        ids = [
            (message["headers"].pop("id"), message["properties"].pop("delivery_tag"))
            for message in (by_celery, together)
        ]
        assert len({*ids[0], *ids[1]}) == 4
        bodies = [json.loads(message.pop("body")) for message in (by_celery, together)]
        assert together == by_celery
        assert bodies[1] == [[], FIELDS | {"items": list(range(9_000_017, 9_000_033))}, {}]
        assert [type(part) for part in bodies[0]] == [type(part) for part in bodies[1]]


def test_only_the_first_message_of_a_queue_goes_through_celery(tmp_path: Path) -> None:
    """The queue is known then: what is published later is written at once, and is received as any."""
    with RedisProcess(tmp_path / "redis") as server:
        app = _app(server, tmp_path)
        app.publisher.publish("cheap", [(1, 1)])
        assert _received(app).kwargs["items"] == [1]
        app.send_task = _refused  # the seam to Celery
        app.publisher.publish("cheap", [(1, 2)])
        assert _received(app).kwargs["items"] == [2]


def _refused(*_arguments: object, **_options: object) -> None:
    raise AssertionError("it goes through Celery")


def test_a_message_that_travelled_with_others_is_received_as_any(tmp_path: Path) -> None:
    """Celery reads it whole."""
    with RedisProcess(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        app = _app(server, tmp_path)
        client.lpush("cheap", as_kombu_writes("cheap", FIELDS))
        request = _received(app)
        assert (request.name, request.kwargs, request.kwargsrepr) == ("cheap", FIELDS, repr(FIELDS))
        assert request.delivery_info["routing_key"] == "cheap"
