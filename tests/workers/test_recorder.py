"""Finished items are written in groups, kept while the ledger is away, and handed on once they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from routing.errors import ServiceUnreachableError
from storage import recording, results
from storage.database import Database
from storage.records import Accepted, Escalated, ItemRecord
from storage.states import ItemState
from tests.support.engine_room import PublishedKeys
from tests.support.ledgers import attempt, claim, running_job
from tests.support.postgres_server import PostgresServer
from workers import pace
from workers.recorder import Finished, Recorder


def _records(job_id: int, positions: range, following: Callable[[], object]) -> list[ItemRecord]:
    return [
        ItemRecord(job_id, position, "cheap", "token", following(), (attempt(cost=1),))  # type: ignore[arg-type]
        for position in positions
    ]


def _put_all(recorder: Recorder, records: list[ItemRecord]) -> None:
    settled = threading.Semaphore(0)
    for record in records:
        recorder.put(Finished(record, settled.release))
    for _ in records:
        assert settled.acquire(timeout=20)


def test_items_are_written_and_settled(ledger: Database) -> None:
    """Whoever waits for an item is told once it is in the ledger."""
    job = running_job(ledger, 30)
    claim(ledger, job.id, list(range(1, 31)))
    recorder = Recorder(ledger, PublishedKeys())  # type: ignore[arg-type]
    _put_all(recorder, _records(job.id, range(1, 31), lambda: Accepted("{}")))
    assert sum(item.state is ItemState.DONE for item in results.items(ledger, job.id)) == 30
    recorder.close()


def test_a_process_that_waits_for_its_records_is_not_kept_waiting(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are claimed as others end. While there is more to do the recorder rests, for an hour here."""
    monkeypatch.setattr(pace, "REST_S", 3600.0)
    job = running_job(ledger, 8)
    claim(ledger, job.id, list(range(1, 9)))
    recorder = Recorder(ledger, PublishedKeys())  # type: ignore[arg-type]
    recorder.in_hand.add(8)
    first, *others, last = _records(job.id, range(1, 9), lambda: Accepted("{}"))
    _put_all(recorder, [first])
    settled = threading.Semaphore(0)
    for record in others:
        recorder.put(Finished(record, settled.release))
    assert not settled.acquire(timeout=0.3)
    recorder.put(Finished(last, settled.release))
    for _ in (*others, last):
        assert settled.acquire(timeout=20)
    recorder.close()


def test_escalated_items_are_published_after_they_are_written(ledger: Database) -> None:
    """They share messages, in order, and none is left behind when the recorder closes."""
    job = running_job(ledger, 5)
    claim(ledger, job.id, [1, 2, 3, 4, 5])
    published = PublishedKeys(size=100)
    recorder = Recorder(ledger, published)  # type: ignore[arg-type]
    _put_all(recorder, _records(job.id, range(1, 6), lambda: Escalated("expensive", "verdict_failed")))
    recorder.close()
    assert published.keys == {"expensive": [(job.id, position) for position in range(1, 6)]}


def test_an_item_whose_lease_was_lost_is_not_published(ledger: Database) -> None:
    """Whoever has it now decides where it goes."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1], token="somebody else")
    published = PublishedKeys()
    recorder = Recorder(ledger, published)  # type: ignore[arg-type]
    _put_all(recorder, _records(job.id, range(1, 2), lambda: Escalated("expensive", "verdict_failed")))
    recorder.close()
    assert published.keys == {}


def test_a_record_the_ledger_refuses_costs_only_itself(ledger: Database) -> None:
    """Its neighbours in the group are written."""
    job = running_job(ledger, 3)
    claim(ledger, job.id, [1, 2, 3])
    recorder = Recorder(ledger, PublishedKeys())  # type: ignore[arg-type]
    good = _records(job.id, range(1, 3), lambda: Accepted("{}"))
    bad = ItemRecord(job.id, 3, "cheap", "token", Accepted("{}"), (attempt(cost=-1),))
    _put_all(recorder, [good[0], bad, good[1]])
    recorder.close()
    states = [item.state for item in results.items(ledger, job.id)]
    assert states == [ItemState.DONE, ItemState.DONE, ItemState.QUEUED]


def test_what_was_paid_for_is_written_once_the_ledger_is_back(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """A restart of PostgreSQL loses no record and buys none again."""
    from storage import migrate

    ledger = Database(postgres_url)
    migrate.upgrade(ledger)
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1, 2])
    recorder = Recorder(ledger, PublishedKeys())  # type: ignore[arg-type]
    postgres_server.stop("immediate")
    settled = threading.Semaphore(0)
    for record in _records(job.id, range(1, 3), lambda: Accepted("{}")):
        recorder.put(Finished(record, settled.release))
    assert not settled.acquire(timeout=0.5)
    postgres_server.start()
    assert settled.acquire(timeout=30)
    assert settled.acquire(timeout=30)
    recorder.close()
    assert all(item.state is ItemState.DONE for item in results.items(ledger, job.id))
    assert recording.write(ledger, []) == frozenset()
    ledger.close()


class Unreachable(PublishedKeys):
    """A publisher whose broker is away."""

    def publish(self, tier: str, keys: object) -> int:
        """Fail."""
        raise ServiceUnreachableError("The broker cannot be reached.")


def test_what_cannot_be_published_is_left_to_the_sweeper(ledger: Database) -> None:
    """The ledger says where the item is; the recorder goes on."""
    job = running_job(ledger, 1)
    claim(ledger, job.id, [1])
    recorder = Recorder(ledger, Unreachable())  # type: ignore[arg-type]
    _put_all(recorder, _records(job.id, range(1, 2), lambda: Escalated("expensive", "verdict_failed")))
    recorder.close()
    assert [item.tier for item in results.items(ledger, job.id)] == ["expensive"]


def test_a_recorder_that_closes_waits_for_no_ledger(tmp_path: Path) -> None:
    """Whoever waits for an item is let go; its lease brings it back."""
    ledger = Database(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}")
    recorder = Recorder(ledger, PublishedKeys())  # type: ignore[arg-type]
    settled = threading.Semaphore(0)
    recorder.put(Finished(_records(1, range(1, 2), lambda: Accepted("{}"))[0], settled.release))
    assert not settled.acquire(timeout=0.2)
    recorder.close()
    assert settled.acquire(timeout=5)
    ledger.close()
