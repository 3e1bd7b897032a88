"""Celery's messages, without what no worker reads: a million queued documents have to fit into little memory of Redis.

Celery's own form says a dozen things of a task that has none of them, and wraps its body in base64. What is left here
is what every worker of Celery 5 reads, so that workers of both forms may share a queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from celery.app.amqp import AMQP, task_message
from celery.worker.request import Request
from kombu.entity import PERSISTENT_DELIVERY_MODE
from kombu.utils.uuid import uuid

from workers.redis_transport import RedisConnection

if TYPE_CHECKING:
    from collections.abc import Mapping


class SlimAmqp(AMQP):  # type: ignore[misc] # Celery is untyped
    """Writes a task's message with its name, its id and its arguments."""

    Connection = RedisConnection

    def as_task_v2(
        self,
        task_id: str,
        name: str,
        args: object = None,
        kwargs: Mapping[str, object] | None = None,
        *_more: object,
        **_options: object,
    ) -> task_message:
        """Return the message in Celery's second form. What it says of delays, limits and groups is not used here."""
        return task_message(
            headers={"task": name, "id": task_id},
            properties={},
            body=(args or (), kwargs or {}, {}),
            sent_event=None,
        )


def as_kombu_writes(task: str, kwargs: Mapping[str, object]) -> bytes:
    """Return what kombu would write to Redis for a task's message on the queue of the task's name.

    Celery and kombu take some 300 microseconds to come to this, which a job of millions would wait for.
    """
    return orjson.dumps(
        {
            "body": orjson.dumps(((), kwargs, {})).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"task": task, "id": uuid()},
            "properties": {
                "delivery_mode": PERSISTENT_DELIVERY_MODE,
                "delivery_info": {"exchange": "", "routing_key": task},
                "priority": 0,
                "body_encoding": "utf-8",
                "delivery_tag": uuid(),
            },
        }
    )


class ChunkRequest(Request):  # type: ignore[misc] # Celery is untyped
    """A received message. What Flower shows of it is made here, by the worker, and not sent along."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own signature
        super().__init__(*arguments, **options)
        shown: str = self.kwargsrepr
        self._kwargsrepr = shown or repr(self.kwargs)
