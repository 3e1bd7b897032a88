"""The sweeper brings back what was lost, and multiplies nothing."""

from __future__ import annotations

import pytest

from storage import jobs
from storage.database import Database
from tests.support.engine_room import PublishedKeys
from tests.support.ledgers import claim, running_job
from workers import sweeper


class QueueLengths:
    """Stands for the broker: how long each queue is."""

    def __init__(self, **lengths: int) -> None:
        self.lengths = lengths

    def queue_length(self, queue: str) -> int:
        """Return the length a test gave."""
        return self.lengths.get(queue, 0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "IDLE_MS", 0)


def _sweep(ledger: Database, published: PublishedKeys, **lengths: int) -> int:
    return sweeper.sweep(ledger, QueueLengths(**lengths), published)  # type: ignore[arg-type]


def test_what_waits_without_a_message_is_published(ledger: Database) -> None:
    """A flushed broker loses nothing."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [2])
    published = PublishedKeys()
    assert _sweep(ledger, published) == 1
    assert published.keys == {"cheap": [(job.id, 1), (job.id, 3)]}


def test_a_backlog_is_left_alone(ledger: Database) -> None:
    """While a queue holds messages, nothing is published a second time."""
    running_job(ledger, 3)
    published = PublishedKeys()
    assert _sweep(ledger, published, cheap=1) == 0
    assert published.keys == {}


def test_what_a_dead_worker_held_comes_back_in_the_same_sweep(ledger: Database) -> None:
    """Its lease ran out, so its items are due at once."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], lease_ms=-1)
    published = PublishedKeys()
    _sweep(ledger, published)
    assert published.keys == {"cheap": [(job.id, 1)]}


def test_a_halted_job_is_not_published(ledger: Database) -> None:
    """Nobody could claim it."""
    jobs.cancel(ledger, running_job(ledger, 1).id)
    assert _sweep(ledger, PublishedKeys()) == 0
