from __future__ import annotations

import json
from typing import TYPE_CHECKING

from storage import jobs, workers
from storage.states import StopReason
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine


def test_status_tells_each_tier_the_money_and_the_workers(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """One line has counts of each tier, cost and saving; workers stand below it."""
    job = LedgerJob(home_ledger, documents("a", "b", "c"))
    job.accept({})
    job.escalate_and_accept({}, ("rules", "total"))
    workers.report(home_ledger, name="w@host", queue="cheap", concurrency=20, in_flight=3, blocked=True, idle_ms=0)
    ended = cheapfirst("status")
    assert ended.code == 0
    assert "receipt-1 running: 2 of 3 | cheap 1 waiting 1 accepted 1 escalated | expensive 0 waiting 1 accepted" in (
        ended.out
    )
    assert "$0.012 spent, about 40% saved" in ended.out
    assert "cheap: 3 of 20 calls in flight in w@host, waits for its provider" in ended.out


def test_status_as_json_has_the_same_figures(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Programs get counts, dollars, pace and workers."""
    job = LedgerJob(home_ledger, documents("a", "b"))
    job.accept({})
    assert "No worker runs" in cheapfirst("status").out
    figures = cheapfirst("status", "receipt-1", "--json").json
    assert (figures["job"], figures["id"], figures["state"]) == ("receipt-1", 1, "running")
    assert figures["items"] == {"total": 2, "done": 1, "failed": 0, "in_flight": 0}
    assert figures["tiers"]["cheap"]["cost_usd"] == 0.001
    assert (figures["baseline_usd"], figures["saved_fraction"], figures["workers"]) == (0.01, 0.9, [])


def test_watching_ends_with_the_job_and_its_exit_code(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """`status --watch` of a job with failed items ends with 1; with --json each look is a line."""
    job = LedgerJob(home_ledger, documents("a"))
    job.fail({}, ("rules", ""))
    watched = cheapfirst("status", "--watch")
    assert watched.code == 1
    assert "receipt-1 done: 1 of 1" in watched.err
    as_json = cheapfirst("status", "--watch", "--json")
    assert [json.loads(line)["state"] for line in as_json.out.splitlines()] == ["done"]


def test_a_stopped_job_says_why(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """A job stopped by its budget ends a watch with 4, one whose provider refuses with 3, a cancelled one with 130."""
    job = LedgerJob(home_ledger, documents("a")).record
    jobs.stop(home_ledger, job.id, StopReason.BUDGET, "Nothing is left.")
    assert "Nothing is left." in cheapfirst("status").out
    assert cheapfirst("status", "--watch").code == 4
    jobs.resume(home_ledger, job.id)
    jobs.stop(home_ledger, job.id, StopReason.PROVIDER_REFUSED, "The key is refused.")
    assert cheapfirst("status", "--watch").code == 3
    jobs.resume(home_ledger, job.id)
    jobs.stop(home_ledger, job.id, StopReason.TASK_UNUSABLE, "A package is missing.")
    assert cheapfirst("status", "--watch").code == 2
    jobs.resume(home_ledger, job.id)
    jobs.cancel(home_ledger, job.id)
    assert cheapfirst("status", "--watch").code == 130


def test_jobs_are_listed_newest_first(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Each job is a line with its number, name, state and cost."""
    assert cheapfirst("jobs").out == "There is no job yet.\n"
    LedgerJob(home_ledger, documents("a"), name="older").accept({})
    LedgerJob(home_ledger, documents("a"), name="newer").fail({}, ("rules", ""))
    first, second = cheapfirst("jobs").out.splitlines()
    assert "2  newer done: 1 of 1, 1 failed, $0.011 spent" in first
    assert "1  older done: 1 of 1, $0.001 spent, about 90% saved" in second
    assert [job["job"] for job in cheapfirst("jobs", "--json", "--limit", "1").json] == ["newer"]


def test_without_a_ledger_or_a_job_the_user_is_told_how_to_get_one(cheapfirst: CommandLine) -> None:
    """Nothing is made by looking, and the error says what makes a ledger."""
    ended = cheapfirst("status")
    assert ended.code == 2
    assert "There is no ledger in" in ended.err
    assert "cheapfirst run" in ended.err
    assert cheapfirst("db", "upgrade").code == 0
    assert "There is no job yet" in cheapfirst("status").err
    assert "There is no job `nope`" in cheapfirst("report", "nope").err


def test_a_worker_of_two_queues_is_one_row(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """In text and in JSON it stands once, with both of its queues."""
    LedgerJob(home_ledger, documents("a"))
    for queue in ("cheap", "expensive"):
        workers.report(home_ledger, name="w@host", queue=queue, concurrency=9, in_flight=4, blocked=False, idle_ms=0)
    told = cheapfirst("status").out
    assert told.count("w@host") == 1
    assert "cheap, expensive: 4 of 9 calls in flight in w@host" in told
    assert cheapfirst("status", "--json").json["workers"] == [
        {"name": "w@host", "queues": ["cheap", "expensive"], "concurrency": 9, "in_flight": 4, "blocked": False}
    ]
