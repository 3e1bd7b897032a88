from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from producer.results import read_results
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database


def test_rows_tell_where_each_answer_came_from(ledger: Database) -> None:
    """A row has the tier, the model, the cost, the calls and the failed checks of its item."""
    job = LedgerJob(ledger, documents("a", "b", "c"))
    job.accept({"company": "A"})
    job.escalate_and_accept({"company": "B"}, ("rules", ""), ("grounding", "company"))
    job.fail({"company": "C"}, ("grounding", "company"))
    first, second, third = read_results(ledger, job.record.id)
    assert (first.custom_id, first.state, first.output, first.tier, first.model) == (
        "a",
        "done",
        {"company": "A"},
        "cheap",
        "small",
    )
    assert (first.cost_usd, first.attempts, first.checks_failed, first.latency_ms) == (Decimal("0.001"), 1, (), 1)
    assert (second.tier, second.model, second.cost_usd, second.attempts) == ("expensive", "large", Decimal("0.011"), 2)
    assert second.checks_failed == ("cheap/rules", "cheap/grounding/company")
    assert (third.state, third.output, third.fail_reason) == ("failed", None, "verdict")
    assert third.rejected_output == {"company": "C"}
    assert third.checks_failed == ("cheap/grounding/company", "expensive/grounding/company")


def test_an_item_that_has_not_ended_has_no_row(sqlite_ledger: Database) -> None:
    """Results of a running job are those that exist already."""
    job = LedgerJob(sqlite_ledger, documents("a", "b"))
    job.accept({})
    assert [row.custom_id for row in read_results(sqlite_ledger, job.record.id)] == ["a"]


def test_every_row_comes_once_over_many_pages(sqlite_ledger: Database) -> None:
    """Pages neither drop nor repeat rows, and keep the order of the input."""
    names = [f"item-{number}" for number in range(2_500)]
    job = LedgerJob(sqlite_ledger, documents(*names))
    for _ in range(3):
        job.accept({})
    _end_all(sqlite_ledger, job.record.id, 2_500)
    assert [row.custom_id for row in read_results(sqlite_ledger, job.record.id)] == names


def _end_all(database: Database, job_id: int, count: int) -> None:
    from storage import recording
    from storage.records import Accepted, ItemRecord
    from tests.support.ledgers import claim

    claim(database, job_id, range(1, count + 1), token="all")
    recording.write(
        database,
        [ItemRecord(job_id, position, "cheap", "all", Accepted("{}"), ()) for position in range(4, count + 1)],
    )
