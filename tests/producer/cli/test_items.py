from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from storage import claims, recording, sweeping
from storage.records import AttemptRecord, ItemRecord, Released
from storage.states import AttemptOutcome
from tests.support.ended_jobs import LedgerJob, documents
from tests.support.ledgers import claim

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine


@pytest.fixture
def job(home_ledger: Database) -> LedgerJob:
    """A job with an item of each ending, and two that wait."""
    job = LedgerJob(home_ledger, documents("a", "b", "c", "d", "\x1b[2Jevil", expected={"company": "A"}))
    job.accept({"company": "A"})
    job.escalate_and_accept({"company": "B"}, ("grounding", "company"))
    job.fail({"company": "C"}, ("rules", "total"))
    return job


def test_items_are_listed_with_what_became_of_them(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """Each item is a line; no id can move the cursor."""
    lines = cheapfirst("items").out.splitlines()
    assert lines == [
        "done       a  cheap, 1 call, $0.001",
        "done       b  expensive, 2 calls, $0.011",
        "failed     c  expensive, 2 calls, $0.011 (verdict); rules total",
        "queued     d  cheap, 0 calls, $0",
        "queued     \\x1b[2Jevil  cheap, 0 calls, $0",
    ]


def test_items_can_be_chosen_by_state(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """Failed items are what a person looks for; no such item is said so."""
    failed = cheapfirst("items", "receipt-1", "--state", "failed", "--json").json
    assert [(item["custom_id"], item["fail_reason"], item["cost_usd"]) for item in failed] == [("c", "verdict", 0.011)]
    assert failed[0]["failures"] == [{"check": "rules", "field": "total", "reason": "total is wrong"}]
    assert [item["item"] for item in cheapfirst("items", "--state", "queued", "--limit", "1", "--json").json] == [4]
    assert cheapfirst("items", "--state", "lost").code == 2


def test_the_story_of_an_item_has_each_call_its_reasons_and_its_output(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """Who was asked and why, what failed, what it cost, where values stand, and the label beside the output."""
    story = cheapfirst("show", "b").out
    assert "b, item 2 of receipt-1: done in expensive" in story
    assert "2 calls, $0.011, 4 ms; the last tier alone would have cost about $0.01 (estimated)" in story
    assert "1. cheap asked small because of first_tier (default)\n   not accepted" in story
    assert "- grounding company: company is wrong" in story
    assert "2. expensive asked large because of verdict_failed (escalation)\n   accepted" in story
    assert "company found at 0-4: [text] of b" in story
    assert 'output: {\n  "company": "B"\n}' in story
    assert 'label: {\n  "company": "A"\n}' in story


def test_a_failed_item_keeps_its_best_output_for_a_person(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """It is shown, and said not to be accepted."""
    assert 'best output, not accepted: {\n  "company": "C"' in cheapfirst("show", "3", "--job", "1").out


def test_a_call_without_an_answer_is_part_of_the_story(
    cheapfirst: CommandLine, job: LedgerJob, home_ledger: Database
) -> None:
    """Provider trouble is told with its kind."""
    claim(home_ledger, 1, [4], token="t")
    trouble = AttemptRecord(
        uid=uuid.uuid4(),
        tier="cheap",
        model="small",
        layer="default",
        cause="first_tier",
        outcome=AttemptOutcome.PROVIDER_TROUBLE,
        trouble="rate_limited",
        started_ms=1,
    )
    recording.write(home_ledger, [ItemRecord(1, 4, "cheap", "t", Released(0, clean=True), (trouble,))])
    assert "no answer, the item waits and is called again: rate_limited" in cheapfirst("show", "d").out


def test_the_trail_as_json_has_everything(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """Programs get the document, the output, the label and every attempt as stored."""
    trail = cheapfirst("show", "b", "--json").json
    assert (trail["job"], trail["custom_id"], trail["text"]) == ("receipt-1", "b", "text of b")
    assert (trail["output"], trail["expected"], trail["metadata"]) == ({"company": "B"}, {"company": "A"}, {})
    cheap, expensive = trail["trail"]
    assert (cheap["outcome"], cheap["cost_usd"], cheap["spans"]) == ("rejected", 0.001, {"company": [0, 4]})
    assert cheap["failures"] == [{"check": "grounding", "field": "company", "reason": "company is wrong"}]
    assert (expensive["tier"], expensive["failures"]) == ("expensive", [])


def test_an_unknown_item_is_named(cheapfirst: CommandLine, job: LedgerJob) -> None:
    """The error says where to look."""
    ended = cheapfirst("show", "nope")
    assert ended.code == 2
    assert "has no item `nope`" in ended.err


def test_a_quarantined_item_says_what_its_deaths_were(
    cheapfirst: CommandLine, job: LedgerJob, home_ledger: Database
) -> None:
    """No call of it was ever recorded: the story says why there is none."""
    for death in range(claims.MAX_CLAIMS):
        assert claim(home_ledger, 1, [4], token=f"lost-{death}", lease_ms=-1) is not None
        sweeping.release_expired(home_ledger)
    story = cheapfirst("show", "d").out
    assert "failed (quarantined) in cheap" in story
    assert "claimed 3 times in a row without anything recorded, as its worker process ended each time" in story
