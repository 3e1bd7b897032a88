from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

import producer
from producer import Client, Job, JobStoppedError, WaitTimeoutError
from producer.embedded.redis_server import EmbeddedRedis
from producer.ledger import open_ledger
from routing.errors import NotFoundError, UsageError
from storage import jobs
from storage.states import StopReason
from tests.support.ended_jobs import LedgerJob, documents
from workers.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that configure nothing but a home folder."""
    return Settings.model_construct(home=tmp_path, ledger=None, redis_url=None, deployment=None, chunk=None)


@pytest.fixture
def ledger_of_home(settings: Settings) -> Iterator[Database]:
    """The ledger a client opens, to do what workers do."""
    with open_ledger(settings, create=True) as database:
        yield database


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of that home."""
    with Client(settings) as client:
        yield client


def test_an_ended_job_gives_rows_and_a_report(client: Client, ledger_of_home: Database) -> None:
    """Waiting returns the job itself; rows come in the order of the input; money is exact."""
    work = LedgerJob(ledger_of_home, documents("a", "b"))
    work.accept({"company": "A"})
    work.fail({"company": "B"}, ("rules", ""))
    job = client.job("receipt-1").wait(timeout_s=10)
    assert [(row.custom_id, row.output, row.rejected_output) for row in job.results()] == [
        ("a", {"company": "A"}, None),
        ("b", None, {"company": "B"}),
    ]
    assert job.report()["cost_usd"] == Decimal("0.012")
    assert job.status()["state"] == "done"
    assert job.retry().requeued == 1
    assert job.cancel()


def test_a_job_is_paused_and_goes_on(client: Client, ledger_of_home: Database) -> None:
    """Each says whether there was anything to do."""
    LedgerJob(ledger_of_home, documents("a"))
    job = client.job("receipt-1")
    assert (job.pause(), job.pause()) == (True, False)
    with pytest.raises(JobStoppedError, match="receipt-1 is paused"):
        job.wait()
    assert (job.resume(), job.resume()) == (True, False)
    assert job.status()["state"] == "running"


def test_waiting_ends_in_time(client: Client, ledger_of_home: Database) -> None:
    """The job goes on; the error says what to look for."""
    LedgerJob(ledger_of_home, documents("a"))
    with pytest.raises(WaitTimeoutError, match="1 items open") as late:
        client.job("receipt-1").wait(timeout_s=0)
    assert "cheapfirst status" in late.value.hint


def test_waiting_for_a_job_that_was_stopped_raises(client: Client, ledger_of_home: Database) -> None:
    """The error says by what."""
    job = LedgerJob(ledger_of_home, documents("a")).record
    jobs.stop(ledger_of_home, job.id, StopReason.BUDGET, "Nothing is left.")
    with pytest.raises(JobStoppedError, match=r"receipt-1 is stopped\. Nothing is left\."):
        client.job("1").wait()


def test_a_job_that_does_not_exist_is_told(client: Client) -> None:
    """By name or number."""
    with pytest.raises(NotFoundError, match="nope"):
        client.job("nope")


def test_submitting_needs_a_broker(client: Client, tmp_path: Path) -> None:
    """The client starts none; a run in the same home lends its own."""
    from producer.cli.init import init

    init(tmp_path / "first")
    task = tmp_path / "first" / "invoices"
    with pytest.raises(UsageError, match="REDIS_URL"):
        client.submit(task, task / "documents")


def test_a_client_uses_the_broker_of_a_run_in_its_home(settings: Settings, tmp_path: Path) -> None:
    """What is submitted is on its queue, and the same again is the same job."""
    from producer.cli.init import init
    from workers.broker import Broker

    init(tmp_path / "first")
    task = tmp_path / "first" / "invoices"
    with EmbeddedRedis(tmp_path / "redis"), Client(settings, tmp_path / "first" / "cheapfirst.yaml") as client:
        job = client.submit(task / "task.yaml", task / "documents", labels=task / "labels.jsonl")
        assert isinstance(job, Job)
        assert client.submit(task, str(task / "documents" / "*.txt"), labels=task / "labels.jsonl").name == job.name
        redis_url = client.settings.redis_url
        assert redis_url is not None
        broker = Broker(redis_url)
        assert broker.queue_length("cheap") == 2
        broker.close()


def test_the_public_names_are_these() -> None:
    """Nothing else is promised, and nothing that is not there."""
    assert set(producer.__all__) == {
        "Answer",
        "Client",
        "Gateway",
        "Job",
        "JobStoppedError",
        "ResultRow",
        "WaitTimeoutError",
    }
    for name in producer.__all__:
        assert getattr(producer, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = producer.Nothing
