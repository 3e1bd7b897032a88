"""What became of a task's documents, call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from storage.past_items import jobs_of_tasks, past_items
from storage.states import AttemptOutcome
from storage.tables import Attempt
from tests.support.ended_jobs import LedgerJob, documents
from tests.support.measured_jobs import COUNT, ESCALATED, measured_job

if TYPE_CHECKING:
    from storage.database import Database


def test_documents_come_with_their_calls_in_order(ledger: Database) -> None:
    """One accepted, one that went up, one that failed, and none that is still open."""
    job = LedgerJob(ledger, documents("a", "bb", "c", "open"))
    job.accept({"total": 1})
    job.escalate_and_accept({"total": 2}, ("rules", "total"))
    job.fail({"total": 3}, ("rules", "total"))
    found = list(past_items(ledger, job.record.id))
    assert [(item.custom_id, item.characters, item.done, item.tier) for item in found] == [
        ("a", 9, True, "cheap"),
        ("bb", 10, True, "expensive"),
        ("c", 9, False, "expensive"),
    ]
    assert [[(call.tier, call.outcome) for call in item.calls] for item in found[:2]] == [
        [("cheap", AttemptOutcome.ACCEPTED)],
        [("cheap", AttemptOutcome.REJECTED), ("expensive", AttemptOutcome.ACCEPTED)],
    ]
    assert all(call.whole and call.busy_ms == 5 for item in found for call in item.calls)


def test_measured_documents_tell_which_call_measured_them(ledger: Database) -> None:
    """All but those that went up."""
    found = list(past_items(ledger, measured_job(ledger).id))
    assert len(found) == COUNT
    assert sum(any(call.holdout for call in item.calls) for item in found) == COUNT - ESCALATED


def test_documents_that_met_a_canary_or_the_cache_are_left_out(ledger: Database) -> None:
    """They tell nothing of what the models in use would take."""
    job = LedgerJob(ledger, documents("a", "b", "c"))
    for total in (1, 2, 3):
        job.accept({"total": total})
    with ledger.write() as connection:
        for position, column in ((1, "canary"), (2, "cache_hit")):
            connection.execute(update(Attempt).where(Attempt.position == position).values(**{column: True}))  # type: ignore[arg-type]
    assert [item.custom_id for item in past_items(ledger, job.record.id)] == ["c"]


def test_a_task_has_its_jobs_newest_first(ledger: Database) -> None:
    """As many as are asked for."""
    first, second = (LedgerJob(ledger, documents("a"), name=f"receipt-{number}").record.id for number in (1, 2))
    assert [number for number, _ in jobs_of_tasks(ledger, ["receipt", "other"], 5)] == [second, first]
    assert [number for number, _ in jobs_of_tasks(ledger, ["receipt"], 1)] == [second]
    assert jobs_of_tasks(ledger, ["other"], 5) == []
