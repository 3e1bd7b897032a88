"""`eval` on what is kept: strata, units, lists, and one evaluation against another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from evaluation.paths.evaluation import Ruler
from producer.cli.trial_view import watching
from producer.evaluating import keep_evaluation
from routing.trial import TrialPath
from tests.support.documents import write_lines
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database
    from storage.jobs import JobRecord
    from tests.support.command_line import CommandLine

NAMES = ("a", "b", "c", "d")
LABEL = {"total": 1}
RIGHT, WRONG = {"total": 1}, {"total": 2}


def _job(ledger: Database, name: str, right: str, *, tier: str, names: tuple[str, ...] = NAMES) -> JobRecord:
    """Return a job whose documents come from two shops; those in `right` got the right answer, in this tier."""
    items = [
        item._replace(metadata=json.dumps({"shop": "corner" if item.custom_id in "ab" else "market"}))
        for item in documents(*names, expected=LABEL)
    ]
    job = LedgerJob(ledger, items, name=name)
    for custom_id in names:
        output = RIGHT if custom_id in right else WRONG
        if tier == "cheap":
            job.accept(output)
        else:
            job.escalate_and_accept(output)
    return job.record


def _evaluate(ledger: Database, routed: JobRecord, expensive: JobRecord, by: str = "") -> dict[str, Any]:
    ran = {TrialPath.ROUTED: routed, TrialPath.EXPENSIVE: expensive}
    return keep_evaluation(ledger, RECEIPT, ran, Ruler(0.03, 0.95, by))


@pytest.fixture
def evaluated(home_ledger: Database) -> dict[str, Any]:
    """An evaluation: routed has half of them right, the last tier all; both wrong ones are of one shop."""
    routed = _job(home_ledger, "routed", "ab", tier="cheap")
    return _evaluate(home_ledger, routed, _job(home_ledger, "last", "abcd", tier="expensive"), "metadata.shop")


def test_strata_are_told_apart_with_a_difference_each(cheapfirst: CommandLine, evaluated: dict[str, Any]) -> None:
    """What is as good in one shop and worse in the other is told so, in text and JSON."""
    rows = {row["stratum"]: row for row in cheapfirst("eval", "show", "1", "--json").json["strata"]["rows"]}
    assert {name: row["paths"]["routed"]["pass_rate"] for name, row in rows.items()} == {"corner": 1.0, "market": 0.0}
    assert {name: row["differences"]["routed"]["difference"] for name, row in rows.items()} == {
        "corner": 0.0,
        "market": -1.0,
    }
    told = cheapfirst("eval", "show", "1").out
    assert "by metadata.shop" in told
    assert "market    2 documents: routed 0.0%, expensive 100.0%; routed -100.0 points" in told


def test_money_is_in_dollars_shares_in_points_and_time_in_milliseconds(
    cheapfirst: CommandLine, evaluated: dict[str, Any]
) -> None:
    """A cheap call costs a tenth of a cent, both calls 1.1 cents; an item takes as many ms as its place."""
    told = cheapfirst("eval", "show", "1", "--json").json
    routed, difference = told["paths"]["routed"], told["differences"]["routed"]
    assert (routed["cost_usd"], routed["cost_per_item_usd"]) == (0.004, 0.001)
    assert told["paths"]["expensive"]["cost_usd"] == 0.044
    assert (routed["latency_p50_ms"], routed["latency_p95_ms"]) == (2, 4)
    assert difference["cost_per_item_usd"]["mean"] == -0.01
    assert difference["saved_fraction"]["mean"] == pytest.approx(10 / 11)
    text = cheapfirst("eval", "show", "1").out
    assert "$0.004, $0.001 each" in text
    assert "right     -50.0 points" in text
    assert "cost      90.9% less" in text


def test_two_evaluations_are_compared_document_by_document(
    cheapfirst: CommandLine, home_ledger: Database, evaluated: dict[str, Any]
) -> None:
    """What became right and what became wrong is named, on the documents that both have."""
    later = _job(home_ledger, "later", "bcd", tier="cheap", names=(*NAMES, "e"))
    _evaluate(home_ledger, later, _job(home_ledger, "last-later", "abcd", tier="expensive"))
    compared = cheapfirst("eval", "compare", "1", "2", "--json").json
    assert (compared["before"], compared["after"]) == (1, 2)
    routed = compared["paths"]["routed"]
    assert (routed["items"], routed["difference"]) == (4, 0.25)
    assert (routed["became_right"], routed["became_wrong"]) == (["c", "d"], ["a"])
    text = cheapfirst("eval", "compare", "1", "2").out
    assert "became right: c, d" in text
    assert "became wrong: a" in text
    lines = cheapfirst("eval", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["2", "1"]


def test_evaluations_of_other_documents_are_not_compared(
    cheapfirst: CommandLine, home_ledger: Database, evaluated: dict[str, Any]
) -> None:
    """Without a document in common there is no pair; nor is there with a number nobody gave."""
    other = _job(home_ledger, "other", "x", tier="cheap", names=("x", "y"))
    _evaluate(home_ledger, other, _job(home_ledger, "other-last", "x", tier="expensive", names=("x", "y")))
    ended = cheapfirst("eval", "compare", "1", "2")
    assert (ended.code, "no documents on a path in common" in ended.err) == (2, True)
    assert "There is no evaluation 9" in cheapfirst("eval", "compare", "1", "9").err


def test_a_path_that_costs_more_is_told_to_cost_more(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """The ends of its interval are turned round with it, the lesser first."""
    both = _job(home_ledger, "both", "abcd", tier="expensive")
    _evaluate(home_ledger, both, _job(home_ledger, "last", "abcd", tier="cheap"))
    assert "cost      1000.0% more [1000.0%, 1000.0%]" in cheapfirst("eval", "show", "1").out


@pytest.mark.parametrize("command", [("show", "{}"), ("compare", "1", "{}"), ("compare", "{}", "1")])
def test_a_number_no_database_can_hold_is_wrong_usage(cheapfirst: CommandLine, command: tuple[str, ...]) -> None:
    """It is none of an evaluation, whatever the ledger holds."""
    ended = cheapfirst("eval", *(part.format(10**22) for part in command))
    assert (ended.code, "is not in the range" in ended.err or "less than" in ended.err) == (2, True), ended.err


def test_an_interrupted_trial_says_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """As `run` does; it ends as any interrupted command."""
    with pytest.raises(KeyboardInterrupt), watching():
        raise KeyboardInterrupt
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["eval", "calibrate"])
def test_labels_without_their_documents_are_told_to_name_them(
    cheapfirst: CommandLine, tmp_path: Path, command: str
) -> None:
    """Rows that only label are refused for lack of a text; the message says where the documents go."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    (folder / "task.yaml").write_text(
        "task: notes\nschema: schema.json\nchecks: {confidence: {min: 0.5, from: self_report}}\n"
        "tiers: [{name: cheap, model: small}, {name: expensive, model: large}]\n"
    )
    address = 'provider: openai, model: a, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}'
    (folder / "cheapfirst.yaml").write_text(f"models: {{small: {{{address}}}, large: {{{address}}}}}\n")
    labels = write_lines(tmp_path / "labels.jsonl", {"custom_id": "a", "expected": LABEL})
    ended = cheapfirst(command, folder, labels)
    assert ended.code == 2
    assert "All 1 rows of LABELS have no text" in ended.err
    assert "name DOCUMENTS after LABELS" in ended.err
    assert "labels.jsonl:1: it has no text" in ended.err
