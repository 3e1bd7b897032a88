from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from producer.embedded.redis_binary import find_redis_binary
from routing.errors import ServiceUnreachableError
from tests.support.runs import Workplace, first_task, slow_engines
from tests.support.services import missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def _redis() -> None:
    try:
        find_redis_binary()
    except ServiceUnreachableError:
        missing("a Redis server", "apt-get install redis-server")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A folder with the first task."""
    return first_task(tmp_path)


def test_a_run_goes_from_documents_to_a_report(place: Workplace) -> None:
    """Cheap answers are taken where they pass, the rest is escalated, and every row says where it came from.

    The same command again prints the same report: a job that is done is not paid for twice.
    """
    place.invoices(30, hopeless=1)
    command = ("run", "invoices", "invoices.jsonl", "--json", "--results", "rows.jsonl")
    ended = place.run(*command)
    assert ended.code == 1, ended.err
    report = ended.json
    assert (report["state"], report["items"]) == ("done", {"total": 31, "done": 30, "failed": 1})
    assert report["tiers"]["cheap"]["accepted"] == 20
    assert report["tiers"]["cheap"]["escalated"] == report["tiers"]["expensive"]["attempts"] == 11
    assert report["tiers"]["expensive"]["accepted"] == 10
    assert report["failures"]["schema"] == 12
    assert 0 < report["cost_usd"] < report["baseline_usd"]
    assert report["saved_fraction"] == pytest.approx(1 - report["cost_usd"] / report["baseline_usd"], abs=1e-5)
    assert (report["accuracy"]["items"], report["accuracy"]["fields"]) == (30, {"total": 1})
    assert {model["kind"] for model in report["models"]} == {"offline engine"}
    assert json.loads((place.home / "reports" / f"{report['job']}.json").read_text()) == report

    rows = [json.loads(line) for line in (place.folder / "rows.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [*(f"invoice-{number}" for number in range(1, 31)), "hopeless-1"]
    assert [row["tier"] for row in rows[:3]] == ["cheap", "cheap", "expensive"]
    assert rows[2]["output"] == {"number": "N-3", "supplier": "Supplier 3 Ltd", "total": 3.5}
    assert (rows[30]["state"], rows[30]["output"]) == ("failed", None)

    again = place.run(*command)
    assert (again.code, again.json) == (1, report)
    assert "was submitted before and is done" in again.err


@pytest.mark.timeout(240)
def test_an_interrupted_run_goes_on_where_it_stopped(place: Workplace) -> None:
    """Ctrl-C ends it with 130 once calls in flight are recorded; nothing is asked twice afterwards."""
    place.invoices(400)
    with slow_engines(place, latency_ms=250) as (slow, server):
        with slow.start("run", "invoices", "invoices.jsonl") as running:
            server.wait_for_answers(40, running)
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=60)
        assert running.returncode == 130, err
        assert "the same command goes on where it stopped" in err
        ended = slow.run("run", "invoices", "invoices.jsonl", "--json")
        assert (ended.code, ended.json["items"]["done"]) == (0, 400), ended.err
        assert max(server.calls()["by_document"].values()) == 1


@pytest.mark.timeout(240)
def test_a_budget_stops_the_job_and_a_larger_one_lets_it_go_on(place: Workplace) -> None:
    """The first run ends with 4 and has spent no more than it may; the second is the same job."""
    place.invoices(40)
    stopped = place.run("run", "invoices", "invoices.jsonl", "--json", "--budget", "0.002")
    assert stopped.code == 4, stopped.err
    assert (stopped.json["state"], stopped.json["stop_reason"]) == ("stopped", "budget")
    assert stopped.json["cost_usd"] <= 0.002
    ended = place.run("run", "invoices", "invoices.jsonl", "--json", "--budget", "1")
    assert (ended.code, ended.json["job"]) == (0, stopped.json["job"])
    assert ended.json["cost_usd"] > 0.002
