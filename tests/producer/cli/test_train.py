"""Training, activating and rolling back a classifier, and what that does to routing."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producer.task_folder import load_task
from storage import jobs, recording
from storage.records import Accepted, AttemptRecord, HeldOut, ItemRecord, Measured
from storage.states import AttemptOutcome
from tests.support.ledgers import TIERS, claim
from tests.support.task_folders import notes_folder

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task that asks for a classifier."""
    return notes_folder(tmp_path, "route: {classifier: {train_from: outcomes, min_labels: 200}}\n")


def _run(ledger: Database, task: Path, count: int) -> None:
    """Let a job of this task end: what is handwritten does not pass the first tier."""
    frozen = load_task(task)
    job = jobs.create(
        ledger, name="past", task=frozen, content_hash="c", items_total=count, budget=None, item_budget=None
    )
    texts = [f"a {'plain' if number % 3 else 'handwritten'} note {number}" for number in range(count)]
    items = [jobs.NewItem(f"doc-{n}", "cheap", text, "{}", None, None) for n, text in enumerate(texts)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    claim(ledger, job.id, range(1, count + 1), token="t")
    recording.write(
        ledger,
        [
            ItemRecord(job.id, position, "cheap", "t", Accepted("{}"), (_call(passed=position % 3 != 1),))
            for position in range(1, count + 1)
        ],
    )


def _call(*, passed: bool) -> AttemptRecord:
    return AttemptRecord(
        uid=uuid.uuid4(),
        tier="cheap",
        model="small",
        layer="default",
        cause="first_tier",
        outcome=AttemptOutcome.ACCEPTED if passed else AttemptOutcome.REJECTED,
        started_ms=1,
        input_tokens=100,
        output_tokens=10,
    )


def test_a_classifier_decides_once_it_is_activated(
    cheapfirst: CommandLine, home_ledger: Database, task: Path, tmp_path: Path
) -> None:
    """Until then, and after it is rolled back, items start cheap by default."""
    _run(home_ledger, task, 600)
    trained = cheapfirst("train", task)
    assert (trained.code, trained.err) == (0, "")
    assert "notes: classifier 1" in trained.out
    assert "right: 100.0%" in trained.out
    inputs = tmp_path / "in.jsonl"
    inputs.write_text('{"custom_id": "a", "text": "a handwritten note"}\n{"custom_id": "b", "text": "a plain note"}\n')

    def routed() -> list[tuple[str, str, str]]:
        rows = [json.loads(line) for line in cheapfirst("route", task, inputs, "--json").out.splitlines()]
        return [(row["tier"], row["layer"], row["version"].partition(":")[2][:1]) for row in rows]

    assert {(tier, layer) for tier, layer, _ in routed()} == {("cheap", "default")}
    assert "classifier 1 decides" in cheapfirst("train", task, "--activate", "1").out
    assert routed() == [("expensive", "classifier", "1"), ("cheap", "classifier", "1")]
    explained = cheapfirst("route", task, inputs).out
    assert "against 0.10 (cost)" in explained
    (listed,) = cheapfirst("train", task, "--list", "--json").json
    assert (listed["version"], listed["active"], listed["accuracy"]) == (1, True, 1.0)
    assert "no classifier decides" in cheapfirst("train", task, "--rollback").out
    assert {layer for _, layer, _ in routed()} == {"default"}
    assert [row["action"] for row in cheapfirst("rollout", task, "--json").json["history"]] == [
        "classifier 1",
        "classifier rollback",
    ]


def test_versions_are_rolled_back_one_by_one(cheapfirst: CommandLine, home_ledger: Database, task: Path) -> None:
    """The one before, then none, then it is refused; the rollout tells which one decides."""
    _run(home_ledger, task, 600)
    for version in ("1", "2"):
        cheapfirst("train", task)
        assert cheapfirst("train", task, "--activate", version).code == 0
    assert "classifier 2 (revision 2)" in cheapfirst("rollout", task).out
    assert "classifier 1 decides" in cheapfirst("train", task, "--rollback").out
    assert "classifier 1 (revision 3)" in cheapfirst("rollout", task).out
    assert "no classifier decides" in cheapfirst("train", task, "--rollback").out
    assert "no classifier (revision 4)" in cheapfirst("rollout", task).out
    ended = cheapfirst("train", task, "--rollback")
    assert (ended.code, "no active classifier" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "has 0 outcomes of its first tier; training needs 200"),
        (("--activate", "7"), "has no classifier 7"),
        (("--rollback",), "no active classifier"),
        (("--rollback", "--list"), "three different things"),
    ],
)
def test_what_cannot_be_done_is_told(
    cheapfirst: CommandLine, home_ledger: Database, task: Path, arguments: tuple[str, ...], message: str
) -> None:
    """With exit code 2, and nothing is changed."""
    ended = cheapfirst("train", task, *arguments)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert "has no classifier yet" in cheapfirst("train", task, "--list").out


def test_a_task_without_a_classifier_is_told_how_to_ask_for_one(
    cheapfirst: CommandLine, home_ledger: Database, task: Path
) -> None:
    """Training something that nobody would ask is a mistake."""
    file = task / "task.yaml"
    file.write_text(file.read_text().replace("route: {classifier: {train_from: outcomes, min_labels: 200}}\n", ""))
    ended = cheapfirst("train", task)
    assert (ended.code, "asks for no trained classifier" in ended.err) == (2, True)


def test_a_quality_target_is_shown_or_said_to_be_unknown(
    cheapfirst: CommandLine, home_ledger: Database, task: Path
) -> None:
    """Too few measured documents: it says how many it takes; enough of them that agree: it holds from the start."""
    file = task / "task.yaml"
    file.write_text(f"{file.read_text()}target: {{margin: 0.1, confidence: 0.9}}\n")
    _run(home_ledger, task, 600)
    told = cheapfirst("train", task).out
    assert "not shown, it takes 22 measured documents at least; 0 documents the last tier measured" in told
    _measure(home_ledger, task, 30)
    quality = json.loads(cheapfirst("train", task, "--json").out)["quality"]
    assert (quality["threshold"], quality["pairs"], quality["differing"], quality["needed"]) == (0.0, 30, 0, 22)
    assert "holds from a probability of 0.00 on" in cheapfirst("train", task).out


def _measure(ledger: Database, task: Path, count: int) -> None:
    """Let a job end of which every document was held out, and both tiers gave the same."""
    job = jobs.create(
        ledger, name="held", task=load_task(task), content_hash="c", items_total=count, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"held-{n}", "cheap", f"a plain note {n}", "{}", None, None) for n in range(count)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    output = '{"total": 1}'
    claim(ledger, job.id, range(1, count + 1), token="t")
    held = HeldOut("expensive", output)
    recording.write(
        ledger,
        [ItemRecord(job.id, n, "cheap", "t", held, (_call(passed=True),)) for n in range(1, count + 1)],
    )
    claim(ledger, job.id, range(1, count + 1), tier="expensive", token="u")
    measured = [_call(passed=True)._replace(tier="expensive", holdout=True, answer=output) for _ in range(count)]
    recording.write(
        ledger,
        [ItemRecord(job.id, n, "expensive", "u", Measured("cheap"), (call,)) for n, call in enumerate(measured, 1)],
    )
