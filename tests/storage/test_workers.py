"""Workers say how they stand, and hear what was set for their queue."""

from __future__ import annotations

from storage import roles, workers
from storage.database import Database


def test_a_worker_is_listed_until_it_leaves(ledger: Database) -> None:
    """The newest report of each worker counts."""
    for in_flight in (1, 2):
        workers.report(ledger, name="w", queue="cheap", concurrency=5, in_flight=in_flight, blocked=False, idle_ms=1000)
    (report,) = workers.running(ledger)
    assert (report.queue, report.concurrency, report.in_flight, report.blocked) == ("cheap", 5, 2, False)
    assert report.idle_ms >= 1000
    workers.forget(ledger, "w")
    assert workers.running(ledger) == []


def test_every_change_of_concurrency_is_a_new_revision(ledger: Database) -> None:
    """A worker tells a new setting from one it has followed already."""
    workers.set_concurrency(ledger, "cheap", 7)
    workers.set_concurrency(ledger, "cheap", 7)
    assert workers.settings(ledger) == {"cheap": workers.Setting(7, 2)}


def test_a_role_has_one_holder(ledger: Database) -> None:
    """Somebody else takes over once the lease is over, and not before."""
    assert roles.hold(ledger, "sweeper", "a", 60_000)
    assert not roles.hold(ledger, "sweeper", "b", 60_000)
    assert roles.hold(ledger, "sweeper", "a", -1)
    assert roles.hold(ledger, "sweeper", "b", 60_000)


def test_a_process_of_two_queues_stands_once(ledger: Database) -> None:
    """Its calls in flight are those of both queues, and are not to be counted twice."""
    for queue in ("cheap", "expensive"):
        workers.report(ledger, name="both", queue=queue, concurrency=9, in_flight=4, blocked=False, idle_ms=0)
    workers.report(ledger, name="one", queue="cheap", concurrency=5, in_flight=2, blocked=True, idle_ms=0)
    assert workers.by_process(workers.running(ledger)) == [
        workers.WorkerStanding("both", ("cheap", "expensive"), 9, 4, blocked=False),
        workers.WorkerStanding("one", ("cheap",), 5, 2, blocked=True),
    ]
