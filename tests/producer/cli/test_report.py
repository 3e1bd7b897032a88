from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.ended_jobs import LedgerJob, documents
from tests.support.measured_jobs import measured_job

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database
    from tests.support.command_line import CommandLine


def test_the_report_has_exactly_the_promised_figures(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Counts, dollars, failures by check, the estimated baseline, the saving and the latency."""
    job = LedgerJob(home_ledger, documents("a", "b", "c"))
    job.accept({})
    job.escalate_and_accept({}, ("grounding", "company"), ("rules", ""))
    job.fail({}, ("grounding", "total"))
    report = cheapfirst("report", "receipt-1", "--json").json
    assert (report["job"], report["state"]) == ("receipt-1", "done")
    assert report["items"] == {"total": 3, "done": 2, "failed": 1}
    promised = {
        name: {key: tier[key] for key in ("attempts", "accepted", "escalated", "cost_usd")}
        for name, tier in report["tiers"].items()
    }
    assert promised == {
        "cheap": {"attempts": 3, "accepted": 1, "escalated": 2, "cost_usd": 0.003},
        "expensive": {"attempts": 2, "accepted": 1, "escalated": 0, "cost_usd": 0.02},
    }
    assert report["failures"] == {"grounding": 3, "rules": 1}
    assert (report["cost_usd"], report["baseline_usd"], report["baseline_kind"]) == (0.023, 0.03, "estimated")
    assert report["saved_fraction"] == 0.233333
    assert report["latency_ms"] == {"p50": 4, "p95": 6}


def test_people_read_it_in_one_screen(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """What was accepted where, why items escalated, what it cost and what is only an estimate."""
    job = LedgerJob(home_ledger, documents("a", "b", "c", "d"))
    job.accept({})
    job.escalate_and_accept({}, ("grounding", "company"), ("rules", ""))
    job.fail({}, ("grounding", "total"))
    text = cheapfirst("report").out
    for line in (
        "items       4: 2 done, 1 failed, 1 open",
        "cheap       1 accepted (25% of all), 2 escalated; 3 calls, $0.003",
        "expensive   1 accepted (25% of all), 1 failed; 2 calls, $0.02",
        "reasons     cheap: grounding company 1, grounding total 1, rules 1",
        "cost        $0.023",
        "all expensive about $0.03, an estimate",
        "saved       23.3% of that",
        "latency     p50 4 ms, p95 6 ms",
        "model       small; price from cheapfirst.yaml",
    ):
        assert line in text


def test_accuracy_is_told_where_labels_are(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Fields are compared as the task says; an item that failed has none right, and the done ones are told apart."""
    label = {"company": "ACME LTD", "total": 1.5}
    job = LedgerJob(home_ledger, [*documents("a", "b", expected=label), *documents("c", "d")])
    job.accept({"company": "Acme Ltd.", "total": "2"})
    job.fail(label, ("rules", ""))
    job.accept({"company": "not labelled"})
    assert cheapfirst("report", "--json").json["accuracy"] == {
        "items": 2,
        "macro": 0.25,
        "fields": {"company": 0.5, "total": 0},
        "macro_of_done": 0.5,
    }
    text = cheapfirst("report").out
    assert "accuracy    25.0% of the labelled fields right in 2 items; 50.0% of those that are done" in text
    assert "by field    company 50.0%, total 0.0%" in text


def test_without_labels_there_is_no_accuracy(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Nothing is made up."""
    LedgerJob(home_ledger, documents("a")).accept({})
    assert "accuracy" not in cheapfirst("report", "--json").json


def test_a_report_tells_what_was_measured(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Instead of the estimate: saving and quality with intervals, and what they rest on."""
    measured_job(home_ledger)
    figures = cheapfirst("report", "--json").json
    assert (figures["quality"]["measured_items"], figures["quality"]["differing"]) == (36, 8)
    low, high = figures["saving"]["saved_interval"]
    assert low <= figures["saving"]["saved_fraction"] <= high < 0
    text = cheapfirst("report").out
    assert "measured: what its own calls cost, and for every other item the mean of the 36 items" in text
    assert "of it to measure" in text
    assert "an estimate" not in text, "one baseline at a time"
    assert "quality     too aggressive; 8 of 36 items that ran on both tiers differ, " in text


def test_a_report_is_written_as_a_page_and_as_markdown(
    cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path
) -> None:
    """The page appears when it is whole; a place that cannot be written is told, and nothing is left there."""
    measured_job(home_ledger)
    page = tmp_path / "new" / "report.html"
    page.parent.mkdir()
    written = cheapfirst("report", "--html", page)
    assert (written.code, written.out) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cheapfirst("report", "--md").out.startswith("# measured\n")
    refused = cheapfirst("report", "--html", tmp_path)
    assert refused.code == 2
    assert "The report cannot be written to" in refused.err
    assert [file.name for file in page.parent.iterdir()] == ["report.html"]
