"""The sweeper brings back what was lost, and multiplies nothing."""

from __future__ import annotations

import pytest

from routing.errors import ServiceUnreachableError
from storage import jobs, sweeping
from storage.database import Database
from tests.support.engine_room import PublishedKeys
from tests.support.ledgers import claim, running_job
from workers import sweeper


class QueueLengths:
    """Stands for the broker: how long each queue is."""

    def __init__(self, **lengths: int) -> None:
        self.lengths = lengths
        self.brought_forward: list[tuple[str, int]] = []

    def ping(self) -> None:
        """Be there."""

    def queue_length(self, queue: str) -> int:
        """Return the length a test gave."""
        return self.lengths.get(queue, 0)

    def bring_forward(self, queue: str, messages: int) -> None:
        """Note what was asked for."""
        self.brought_forward.append((queue, messages))


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


def test_what_a_dead_worker_held_goes_to_the_front_of_its_queue_at_once(ledger: Database) -> None:
    """However long the backlog is; the backlog itself is not published again."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [2], lease_ms=-1)
    published, broker = PublishedKeys(), QueueLengths(cheap=1000)
    assert sweeper.sweep(ledger, broker, published) == 1  # type: ignore[arg-type]
    assert published.keys == {"cheap": [(job.id, 2)]}
    assert broker.brought_forward == [("cheap", 1)]


def test_what_may_be_poison_waits_behind_the_backlog(ledger: Database) -> None:
    """What was claimed twice without a record is the last to be tried again."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1], lease_ms=-1)
    _sweep(ledger, PublishedKeys(), cheap=1000)
    claim(ledger, job.id, [1, 2], lease_ms=-1)
    published, broker = PublishedKeys(), QueueLengths(cheap=1000)
    sweeper.sweep(ledger, broker, published)  # type: ignore[arg-type]
    assert published.keys == {"cheap": [(job.id, 1), (job.id, 2)]}
    assert broker.brought_forward == [("cheap", 1)]


def test_what_ran_out_while_the_ledger_was_away_is_left_to_whoever_lives(ledger: Database) -> None:
    """A worker that could not extend its leases holds answers that are paid for."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], lease_ms=-1)
    published = PublishedKeys()
    assert sweeper.sweep(ledger, QueueLengths(cheap=1), published, take_back=False) == 0  # type: ignore[arg-type]
    assert sweeper.sweep(ledger, QueueLengths(cheap=1), published) == 1  # type: ignore[arg-type]


class Away(QueueLengths):
    """A broker that cannot be reached."""

    def ping(self) -> None:
        """Fail."""
        raise ServiceUnreachableError("The broker cannot be reached.")


def test_without_a_broker_nothing_is_taken_back(ledger: Database) -> None:
    """It would wait behind any backlog, as nothing tells any more that its message has to be published."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], lease_ms=-1)
    with pytest.raises(ServiceUnreachableError):
        sweeper.sweep(ledger, Away(), PublishedKeys())  # type: ignore[arg-type]
    assert sweeping.claimable(ledger, "cheap", 0, 10) == []


def test_whatever_many_dead_workers_held_comes_back_in_one_sweep(ledger: Database) -> None:
    """A sweep takes leases back in batches, and goes on until there are none."""
    job = running_job(ledger, 2500)
    claim(ledger, job.id, list(range(1, 2501)), lease_ms=-1)
    published = PublishedKeys()
    _sweep(ledger, published, cheap=1)
    assert published.keys == {"cheap": [(job.id, position) for position in range(1, 2501)]}


def test_a_halted_job_is_not_published(ledger: Database) -> None:
    """Nobody could claim it."""
    jobs.cancel(ledger, running_job(ledger, 1).id)
    assert _sweep(ledger, PublishedKeys()) == 0
