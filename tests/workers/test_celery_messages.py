"""What a chunk weighs in Redis, and what Flower is told of it."""

from __future__ import annotations

from pathlib import Path

import redis
from celery import Celery

from tests.support.redis_process import RedisProcess
from workers.app import WorkerApp, create_app
from workers.celery_messages import ChunkRequest
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
