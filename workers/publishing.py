"""Putting messages on the tiers' queues. The ledger says what is queued; a message only says that it may be claimed."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from kombu.exceptions import OperationalError
from redis import RedisError

from storage import sweeping
from workers.broker import translated
from workers.celery_messages import as_kombu_writes
from workers.messages import PARKED, chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from celery import Celery
    from kombu.messaging import Producer

    from routing.deployment import DeploymentSpec
    from storage.database import Database

_PAGE = 10_000
_PUSHED_AT_ONCE = 500
"""Messages of one command to Redis: some 300 kB at a chunk of 16, and Redis serves others between two."""


class Publisher:
    """Publishes chunks of item ids. `chunk` overrides the deployment's chunk for every queue."""

    def __init__(self, app: Celery, deployment: DeploymentSpec, chunk: int | None = None) -> None:
        self._app = app
        self._deployment = deployment
        self._chunk = chunk
        self._declared: set[str] = set()

    def chunk(self, tier: str) -> int:
        """Return how many ids a message of this tier holds at most."""
        return self._chunk or self._deployment.queue(tier).chunk

    def publish(self, tier: str, keys: Sequence[tuple[int, int]]) -> int:
        """Publish (job, position) pairs and return the number of messages; many of them travel together.

        Raises ServiceUnreachableError where the broker cannot be reached. Nothing is lost then: the sweeper publishes
        what stays queued.
        """
        published = 0
        messages = (message.model_dump() for message in chunks(keys, self.chunk(tier)))
        with _reaching_the_broker(), self._app.producer_or_acquire() as producer:
            # Celery sends a queue's first, and declares it; for each of a million it would take 300 microseconds.
            for message in islice(messages, tier not in self._declared):
                self._app.send_task(tier, kwargs=message, queue=tier, producer=producer, retry=False)
                self._declared.add(tier)
                published += 1
            while written := [as_kombu_writes(tier, message) for message in islice(messages, _PUSHED_AT_ONCE)]:
                _push(producer, tier, written)
                published += len(written)
        return published

    def park(self, tier: str, message: Mapping[str, object]) -> None:
        """Lay a message of another version aside, for a worker of that version to put back on the queue.

        Raises ServiceUnreachableError where the broker cannot be reached.
        """
        with _reaching_the_broker():
            self._app.send_task(tier, kwargs=dict(message), queue=tier + PARKED, retry=False)


def _push(producer: Producer, tier: str, written: Sequence[bytes]) -> None:
    """Put messages on a queue as kombu does: it is the list of its name, taken from the right."""
    with producer.channel.conn_or_acquire() as client:
        client.lpush(tier, *written)


@contextmanager
def _reaching_the_broker() -> Iterator[None]:
    try:
        yield
    except (OperationalError, OSError) as error:
        raise translated(error.__cause__) from error
    except RedisError as error:
        raise translated(error) from error


def publish_job(database: Database, publisher: Publisher, job_id: int, tiers: Sequence[str]) -> int:
    """Publish everything of a job that is queued, and return the number of messages. Memory does not grow with it."""
    published = 0
    for tier in tiers:
        after, size = 0, _PAGE
        while size == _PAGE:
            positions = sweeping.queued_positions(database, job_id, tier, after, _PAGE)
            if positions:
                published += publisher.publish(tier, [(job_id, position) for position in positions])
                after = positions[-1]
            size = len(positions)
    return published
