from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from storage import jobs, workers
from storage.states import JobState, StopReason
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine


def test_a_cancelled_job_can_go_on(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Cancelling ends the claiming, retrying lets it begin again; without workers the user is told to start some."""
    job = LedgerJob(home_ledger, documents("a"))
    assert "receipt-1 is cancelled" in cheapfirst("cancel").out
    assert job.record.state is JobState.CANCELLED
    assert cheapfirst("cancel").code == 2
    retried = cheapfirst("retry", "receipt-1")
    assert "receipt-1 runs again; 0 failed items are queued" in retried.out
    assert "No worker runs now" in retried.err
    assert job.record.state is JobState.RUNNING


def test_a_paused_job_can_be_resumed(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Only what runs can be paused; what has ended cannot be resumed."""
    job = LedgerJob(home_ledger, documents("a"))
    assert "receipt-1 is paused" in cheapfirst("pause").out
    assert job.record.state is JobState.PAUSED
    again = cheapfirst("pause", "receipt-1")
    assert (again.code, "cannot be paused: it is paused" in again.err) == (2, True)
    resumed = cheapfirst("resume", "receipt-1")
    assert (resumed.out, "No worker runs now" in resumed.err) == ("receipt-1 is running.\n", True)
    job.accept({})
    ended = cheapfirst("resume")
    assert (ended.code, "cannot be resumed: it is done" in ended.err) == (2, True)


def test_failed_items_are_queued_again(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """A done job with failed items runs again; one without has nothing to retry."""
    job = LedgerJob(home_ledger, documents("a", "b"))
    job.accept({})
    job.fail({}, ("rules", ""))
    workers.report(home_ledger, name="w@host", queue="cheap", concurrency=1, in_flight=0, blocked=False, idle_ms=0)
    retried = cheapfirst("retry")
    assert ("1 failed items are queued" in retried.out, retried.err) == (True, "")
    assert (job.record.state, job.record.items_failed) == (JobState.RUNNING, 0)
    ended = cheapfirst("retry")
    assert (ended.code, "nothing to retry" in ended.err) == (2, True)


def test_a_budget_can_be_raised(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """A job that its budget stopped goes on with a larger one."""
    job = LedgerJob(home_ledger, documents("a"))
    jobs.stop(home_ledger, job.record.id, StopReason.BUDGET, "")
    assert cheapfirst("retry", "--budget", "$2.50").code == 0
    assert (job.record.state, job.record.budget_nano_usd) == (JobState.RUNNING, 2_500_000_000)
    for nonsense in ("-1", "much", "NaN"):
        assert cheapfirst("retry", "--budget", nonsense).code == 2


def test_scaling_waits_until_workers_have_followed(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Old and new concurrency are printed for each worker of the queue."""
    following = threading.Event()

    def follow() -> None:
        concurrency = 10
        while not following.is_set():
            workers.report(
                home_ledger,
                name="w@host",
                queue="cheap",
                concurrency=concurrency,
                in_flight=0,
                blocked=False,
                idle_ms=0,
            )
            concurrency = max(
                [concurrency, *(setting.concurrency for setting in workers.settings(home_ledger).values())]
            )
            following.wait(0.05)

    worker = threading.Thread(target=follow)
    worker.start()
    try:
        while not workers.running(home_ledger):
            following.wait(0.01)
        assert cheapfirst("scale", "cheap", "40").out == "w@host: 10 -> 40\n"
    finally:
        following.set()
        worker.join()


def test_a_worker_of_several_queues_is_waited_for_too(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Its concurrency is that of all its queues, so that the number asked for says nothing of it."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.is_set():
            concurrency = 70 if workers.settings(home_ledger) else 60
            for queue in ("cheap", "expensive"):
                workers.report(
                    home_ledger,
                    name="w@host",
                    queue=queue,
                    concurrency=concurrency,
                    in_flight=0,
                    blocked=False,
                    idle_ms=0,
                )
            ended.wait(0.3)

    worker = threading.Thread(target=follow)
    worker.start()
    try:
        while len(workers.running(home_ledger)) < 2:
            ended.wait(0.01)
        assert cheapfirst("scale", "cheap", "60").out == "w@host: 60 -> 70\n"
    finally:
        ended.set()
        worker.join()


def test_a_queue_nobody_serves_cannot_be_scaled(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """A queue's name that is mistyped is an error, and nothing is set for it."""
    ended = cheapfirst("scale", "chaep", "40")
    assert (ended.code, "No worker of the queue `chaep`" in ended.err) == (2, True)
    assert workers.settings(home_ledger) == {}
