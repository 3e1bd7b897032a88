from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from producer.submit import InputsRefusedError, Order, default_name, submit
from routing.errors import InvalidFileError, JobConflictError, UsageError
from routing.task import BudgetSpec
from storage import jobs, progress, results, sweeping
from storage.states import JobState, StopReason
from tests.support.documents import write_lines
from tests.support.ended_jobs import RECEIPT

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three documents, of which two bring their labels."""
    return write_lines(
        tmp_path / "rows.jsonl",
        {"custom_id": "a", "text": "one", "expected": {"total": 1}},
        {"custom_id": "b", "text": "two", "metadata": {"k": "v"}},
        {"custom_id": "c", "text": "three", "expected": {"total": 3}},
    )


def order(*inputs: Path, **changes: Any) -> Order:  # noqa: ANN401 - the fields of an order
    """Return an order of these inputs."""
    return Order(RECEIPT, inputs, **changes)


def test_documents_become_queued_items_of_a_running_job(ledger: Database, rows: Path, tmp_path: Path) -> None:
    """Each document is an item of the first tier, with its text, metadata and label."""
    submitted = submit(ledger, order(rows), tmp_path)
    assert (submitted.created, submitted.refused) == (True, None)
    job = submitted.job
    assert (job.state, job.items_total) == (JobState.RUNNING, 3)
    assert sweeping.queued_positions(ledger, job.id, "cheap", 0, 10) == [1, 2, 3]
    trail = results.trail(ledger, job.id, "b")
    assert (trail.text, json.loads(trail.metadata), trail.item.expected) == ("two", {"k": "v"}, None)
    assert results.trail(ledger, job.id, "a").item.expected == '{"total":1}'
    assert [tier.tier for tier in progress.read(ledger, job.name).tiers] == ["cheap", "expensive"]


def test_the_same_order_is_the_same_job(ledger: Database, rows: Path, tmp_path: Path) -> None:
    """Nothing is written twice, and the name is the task's with a digest of task and content."""
    first = submit(ledger, order(rows), tmp_path)
    again = submit(ledger, order(rows), tmp_path)
    assert (again.job.id, again.created) == (first.job.id, False)
    assert first.job.name == default_name(RECEIPT, first.job.content_hash)
    assert first.job.name.startswith("receipt-")


def test_other_content_is_another_job(sqlite_ledger: Database, rows: Path, tmp_path: Path) -> None:
    """Under a chosen name, other content is a conflict."""
    first = submit(sqlite_ledger, order(rows, name="mine"), tmp_path)
    other = write_lines(tmp_path / "other.jsonl", {"custom_id": "a", "text": "one"})
    assert submit(sqlite_ledger, order(other), tmp_path).job.id != first.job.id
    with pytest.raises(JobConflictError, match="mine"):
        submit(sqlite_ledger, order(other, name="mine"), tmp_path)


def test_a_half_written_job_is_completed(sqlite_ledger: Database, rows: Path, tmp_path: Path) -> None:
    """A submit that was killed after the first items goes on where it stopped."""
    content = submit(sqlite_ledger, order(rows, name="whole"), tmp_path).job.content_hash
    half = jobs.create(
        sqlite_ledger,
        name="half",
        task=RECEIPT,
        content_hash=content,
        items_total=3,
        budget=None,
        item_budget=None,
    )
    jobs.add_items(sqlite_ledger, half.id, 1, [jobs.NewItem("a", "cheap", "one", "{}", None, None)])
    submitted = submit(sqlite_ledger, order(rows, name="half"), tmp_path)
    assert (submitted.job.id, submitted.created, submitted.job.state) == (half.id, True, JobState.RUNNING)
    assert [item.custom_id for item in results.items(sqlite_ledger, half.id)] == ["a", "b", "c"]


@pytest.mark.parametrize("state", ["cancelled", "stopped", "paused"])
def test_a_job_that_was_stopped_goes_on(sqlite_ledger: Database, rows: Path, tmp_path: Path, state: str) -> None:
    """Ordering it again is a person's word that it shall run."""
    job = submit(sqlite_ledger, order(rows), tmp_path).job
    if state == "stopped":
        jobs.stop(sqlite_ledger, job.id, StopReason.PROVIDER_REFUSED, "no key")
    else:
        {"cancelled": jobs.cancel, "paused": jobs.pause}[state](sqlite_ledger, job.id)
    assert submit(sqlite_ledger, order(rows), tmp_path).job.state is JobState.RUNNING


def test_a_larger_budget_continues_the_same_job(sqlite_ledger: Database, rows: Path, tmp_path: Path) -> None:
    """The budget belongs to the job, not to what makes it that job; the one named last holds, none changes nothing."""
    task = RECEIPT.model_copy(update={"budget": BudgetSpec(usd=Decimal(1), per_item_usd=Decimal("0.5"))})
    first = submit(sqlite_ledger, Order(task, [rows]), tmp_path).job
    assert first.budget_nano_usd == 1_000_000_000
    larger = submit(sqlite_ledger, Order(task, [rows], budget_usd=Decimal(2)), tmp_path).job
    assert (larger.id, larger.budget_nano_usd) == (first.id, 2_000_000_000)
    assert submit(sqlite_ledger, order(rows), tmp_path).job.budget_nano_usd == 2_000_000_000


def test_refused_inputs_are_listed_and_the_rest_is_taken(sqlite_ledger: Database, rows: Path, tmp_path: Path) -> None:
    """The first of them are at hand, all are in a file named after the job."""
    bad = write_lines(tmp_path / "bad.jsonl", *({"custom_id": f"empty-{number}"} for number in range(25)))
    submitted = submit(sqlite_ledger, order(rows, bad, name="mixed"), tmp_path)
    assert submitted.job.items_total == 3
    assert submitted.refused is not None
    assert (submitted.refused.count, len(submitted.refused.first)) == (25, 20)
    assert submitted.refused.first[0].line == 1
    assert submitted.refused.file == tmp_path / "refused" / "mixed.jsonl"
    assert len(submitted.refused.file.read_text().splitlines()) == 25
    assert list((tmp_path / "intake").iterdir()) == []


def test_a_strict_order_is_refused_whole(sqlite_ledger: Database, rows: Path, tmp_path: Path) -> None:
    """One refused input is enough, and no job is left behind."""
    bad = write_lines(tmp_path / "bad.jsonl", {"custom_id": "x"})
    with pytest.raises(InputsRefusedError, match="1 inputs were refused") as refused:
        submit(sqlite_ledger, order(rows, bad, strict=True), tmp_path)
    assert refused.value.refused.file.exists()
    assert jobs.listing(sqlite_ledger) == []


def test_an_order_without_documents_is_refused(sqlite_ledger: Database, tmp_path: Path) -> None:
    """Whether nothing was there or nothing was taken is told apart."""
    bad = write_lines(tmp_path / "bad.jsonl", {"custom_id": "x"})
    with pytest.raises(InputsRefusedError, match="All 1 inputs were refused"):
        submit(sqlite_ledger, order(bad), tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="hold no documents"):
        submit(sqlite_ledger, order(tmp_path / "nothing"), tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        submit(sqlite_ledger, order(tmp_path / "absent"), tmp_path)


def test_labels_may_stand_in_a_file_of_their_own(sqlite_ledger: Database, tmp_path: Path) -> None:
    """They are found by the document's id; mistakes in the file are told before anything is submitted."""
    (tmp_path / "a.txt").write_text("one")
    labels = write_lines(tmp_path / "labels.jsonl", {"custom_id": "a.txt", "expected": {"total": 1}})
    job = submit(sqlite_ledger, order(tmp_path / "a.txt", labels=labels), tmp_path).job
    assert results.trail(sqlite_ledger, job.id, "a.txt").item.expected == '{"total":1}'
    write_lines(labels, {"custom_id": "a.txt"})
    with pytest.raises(InvalidFileError, match="labels"):
        submit(sqlite_ledger, order(tmp_path / "a.txt", labels=labels), tmp_path)


@pytest.mark.parametrize("name", ["", "12", "a b", "../x", "-x", ".x", "x" * 101, "a\n"])
def test_a_name_must_do_as_a_file_and_an_argument(
    sqlite_ledger: Database, rows: Path, tmp_path: Path, name: str
) -> None:
    """A name that is a number would be taken for a job's number, one with a slash for a path."""
    with pytest.raises(UsageError, match="cannot be a job's name"):
        submit(sqlite_ledger, order(rows, name=name), tmp_path)


@pytest.mark.parametrize("brought_by", ["rows", "a file"])
def test_labels_that_can_never_be_right_stop_an_order_before_it_is_one(
    sqlite_ledger: Database, tmp_path: Path, brought_by: str
) -> None:
    """Whether rows bring them or a file does: the first line is told with what may be meant, and no job is written."""
    rows = [{"custom_id": str(number), "text": "one", "expected": {"totl": 1}} for number in range(3)]
    path = write_lines(tmp_path / "rows.jsonl", *rows)
    mails = write_lines(tmp_path / "mails.jsonl", {"custom_id": "1", "text": "one"})
    with pytest.raises(InvalidFileError) as caught:
        submit(sqlite_ledger, order(mails, labels=path) if brought_by == "a file" else order(path), tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(path), 1)
    assert "no field `totl`" in str(problem)
    assert "did you mean `total`?" in str(problem)
    assert "2 more lines have that" in str(problem)
    assert jobs.listing(sqlite_ledger) == []
