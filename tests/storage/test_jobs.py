"""Jobs are created once, filled in order, opened when complete."""

from __future__ import annotations

import traceback
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from routing.errors import JobConflictError, NotFoundError, ServiceUnreachableError, UsageError
from storage import jobs, migrate, progress, recording
from storage.database import Database
from storage.records import Failed, ItemRecord
from storage.states import FailReason, JobState
from tests.support.ledgers import TASK, TIERS, attempt, claim, new_items, running_job


def _create(database: Database, content: str = "content", total: int = 3) -> jobs.JobRecord:
    return jobs.create(
        database, name="job", task=TASK, content_hash=content, items_total=total, budget=None, item_budget=None
    )


def test_the_same_name_and_content_is_the_same_job(ledger: Database) -> None:
    """Creating a job twice answers with the first one."""
    assert _create(ledger).id == _create(ledger).id


def test_the_same_name_with_other_content_is_refused(ledger: Database) -> None:
    """A name stands for one content."""
    _create(ledger)
    with pytest.raises(JobConflictError, match="other items"):
        _create(ledger, content="something else")


def test_the_same_name_with_another_task_is_refused(ledger: Database) -> None:
    """A name stands for one task."""
    _create(ledger)
    other = TASK.model_copy(update={"max_output_tokens": 7})
    with pytest.raises(JobConflictError, match="other task"):
        jobs.create(
            ledger, name="job", task=other, content_hash="content", items_total=3, budget=None, item_budget=None
        )


def test_a_batch_that_is_written_twice_is_written_once(ledger: Database) -> None:
    """An interrupted submit can be repeated from its beginning."""
    job = _create(ledger)
    jobs.add_items(ledger, job.id, 1, new_items(2))
    jobs.add_items(ledger, job.id, 1, new_items(3))
    jobs.add_items(ledger, job.id, 1, new_items(3))
    assert jobs.open_job(ledger, job.id, TIERS)
    assert progress.read(ledger, "job").tiers[0].queued == 3


def test_a_job_that_lacks_items_is_not_opened(ledger: Database) -> None:
    """No job runs with a part of its items."""
    job = _create(ledger)
    jobs.add_items(ledger, job.id, 1, new_items(2))
    with pytest.raises(UsageError, match="2 of its 3"):
        jobs.open_job(ledger, job.id, TIERS)


def test_a_job_is_opened_once(ledger: Database) -> None:
    """Of several submitters, one opens the job and publishes it."""
    job = _create(ledger)
    jobs.add_items(ledger, job.id, 1, new_items(3))
    assert [jobs.open_job(ledger, job.id, TIERS) for _ in range(2)] == [True, False]


def test_items_are_not_added_to_an_open_job(ledger: Database) -> None:
    """A straggling submitter changes nothing."""
    job = running_job(ledger, 2)
    jobs.add_items(ledger, job.id, 3, new_items(5)[2:])
    assert jobs.find(ledger, job.name).items_total == 2
    assert claim(ledger, job.id, [3]) is None


def test_a_job_without_items_is_done(ledger: Database) -> None:
    """Nothing to do is done at once."""
    job = running_job(ledger, 0)
    assert (job.state, job.finished_ms is not None) == (JobState.DONE, True)


def test_a_job_is_found_by_name_and_by_number(ledger: Database) -> None:
    """Both ways to name a job lead to it."""
    job = running_job(ledger, 1, name="monday")
    assert jobs.find(ledger, "monday") == jobs.find(ledger, str(job.id)) == jobs.listing(ledger)[0]


@pytest.mark.parametrize("reference", ["nobody", "7", "9" * 30, "²", ""])
def test_an_unknown_job_is_told(ledger: Database, reference: str) -> None:
    """A name that means nothing says how to list those that do."""
    with pytest.raises(NotFoundError, match="cheapfirst jobs"):
        jobs.find(ledger, reference)


def test_a_frozen_task_comes_back_as_it_was(ledger: Database) -> None:
    """What a job was submitted with is what workers compile."""
    job = running_job(ledger, 1)
    assert jobs.frozen_task(ledger, job.id) == TASK
    with pytest.raises(NotFoundError):
        jobs.frozen_task(ledger, job.id + 1)


@pytest.mark.parametrize("halt", [jobs.pause, jobs.cancel])
def test_nothing_is_claimed_of_a_halted_job_until_it_is_resumed(ledger: Database, halt: object) -> None:
    """Pausing and cancelling stop claims; resuming lets them go on."""
    job = running_job(ledger, 1)
    assert callable(halt)
    assert halt(ledger, job.id)
    assert claim(ledger, job.id, [1]) is None
    assert not jobs.is_running(ledger, job.id)
    assert jobs.resume(ledger, job.id)
    assert jobs.is_running(ledger, job.id)
    assert claim(ledger, job.id, [1]) is not None


def test_a_finished_job_is_not_cancelled(ledger: Database) -> None:
    """Cancelling what has ended says so."""
    assert not jobs.cancel(ledger, running_job(ledger, 0).id)


def test_failed_items_are_queued_again_where_they_failed(ledger: Database) -> None:
    """A retry brings back exactly what failed, and the job runs again."""
    job = running_job(ledger, 2)
    claim(ledger, job.id, [1, 2])
    failed = [
        ItemRecord(job.id, position, "cheap", "token", Failed(FailReason.VERDICT, None, "[]"), (attempt(cost=5),))
        for position in (1, 2)
    ]
    recording.write(ledger, failed)
    assert jobs.find(ledger, job.name).state == JobState.DONE
    assert jobs.requeue_failed(ledger, job.id) == 2
    again = progress.read(ledger, job.name)
    assert (again.job.state, again.job.items_failed, again.job.cost_nano_usd) == (JobState.RUNNING, 0, 10)
    assert (again.tiers[0].queued, again.tiers[0].failed) == (2, 0)
    assert jobs.requeue_failed(ledger, job.id) == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("PERFORM pg_terminate_backend(pg_backend_pid())", ServiceUnreachableError),
        ("RAISE EXCEPTION 'no room' USING ERRCODE = '53100'", ServiceUnreachableError),
        ("RAISE EXCEPTION 'no: %', NEW.text", DBAPIError),
    ],
)
def test_a_bulk_write_that_breaks_off_is_told_as_any_other(
    postgres_url: str, fault: str, expected: type[Exception]
) -> None:
    """An outage is an outage, and the error quotes nothing: COPY runs past SQLAlchemy, which would see to both."""
    with closing(Database(postgres_url)) as database:
        migrate.upgrade(database)
        with database.write() as connection:
            body = f"BEGIN {fault}; RETURN NEW; END"
            connection.execute(text(f"CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"))
            connection.execute(
                text("CREATE TRIGGER fault BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION fault()")
            )
        with pytest.raises(expected) as caught:
            running_job(database, 3)
    assert "text 1" not in "".join(traceback.format_exception(caught.value))
