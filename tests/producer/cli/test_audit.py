"""`audit`: answers go to a person, labels come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from producer.task_folder import load_task
from routing.document import Document
from routing.task import InputSpec
from storage.tables import DocumentRow
from tests.support.documents import take_in
from tests.support.judged_jobs import Judged, judge, open_job
from tests.support.task_folders import notes_folder

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database
    from tests.support.command_line import CommandLine

COUNT = 60


@pytest.fixture
def folder(home_ledger: Database, tmp_path: Path) -> Path:
    """A task with a job of 60 accepted answers: two tiers disagree on 1 to 4, the model was unsure of 5 to 8."""
    folder = notes_folder(tmp_path)
    job = open_job(home_ledger, load_task(folder), "past", COUNT)
    answers = [Judged(last='{"total": 2}') for _ in range(4)]
    answers += [Judged(confidence=0.5) for _ in range(4)]
    judge(home_ledger, job, 1, [*answers, *(Judged(confidence=1.0) for _ in range(COUNT - 8))])
    return folder


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _fill(file: Path, right: Any = 1, wrong: Any = 2, doubtful: int = 8) -> None:  # noqa: ANN401 - JSON
    """Label as a person would: what two tiers disagree on is wrong."""
    rows = _rows(file)
    for row in rows:
        is_wrong = int(row["custom_id"].split("-")[1]) <= doubtful // 2
        row["expected"] = {"total": wrong if is_wrong else right}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_labels_go_out_and_come_back(cheapfirst: CommandLine, folder: Path, tmp_path: Path) -> None:
    """The report then tells what share is wrong, apart from what is measured; the same labels again change nothing."""
    file = tmp_path / "audit.jsonl"
    ended = cheapfirst("audit", folder, "--n", "16", "--output", file)
    assert (ended.code, ended.out) == (0, "")
    rows = _rows(file)
    assert [row["why"] for row in rows] == ["two models disagree"] * 4 + ["confidence 0.50"] * 4 + ["random"] * 8
    assert rows[0] | {"custom_id": "", "text": ""} == {
        "custom_id": "",
        "job": "past",
        "why": "two models disagree",
        "probability": 1.0,
        "text": "",
        "answer": {"total": 1},
        "expected": {},
    }
    assert rows[0]["text"] == f"text of {rows[0]['custom_id']}"
    assert rows[-1]["probability"] == pytest.approx(8 / 52, abs=1e-6)
    assert cheapfirst("report", "past", "--json").json["audit"] is None

    _fill(file)
    taken = cheapfirst("audit", folder, "--labels", file)
    assert (taken.code, taken.err) == (0, "")
    assert "16 new labels, 0 changed, 0 known already, 0 lines still empty" in taken.out
    again = cheapfirst("audit", folder, "--labels", file, "--json").json
    assert (again["new"], again["changed"], again["known"]) == (0, 0, 16)
    found = cheapfirst("report", "past", "--json").json["audit"]
    assert again["audit"] == found
    assert found["doubtful"] == {"picked": 8, "labelled": 8, "wrong": 4}
    assert found["random"] == {"labelled": 8, "wrong": 0}
    assert found["wrong_share"] == pytest.approx(4 / COUNT, abs=1e-6)
    low, high = found["wrong_interval"]
    assert low == pytest.approx(4 / COUNT, abs=1e-6)
    assert 4 / COUNT < high < 0.5
    for form in ((), ("--md",)):
        assert "by a person's labels: 0 of 8 drawn at random wrong, 4 of 8 doubtful" in cheapfirst("report", *form).out


def test_what_is_labelled_is_an_input_of_eval(
    cheapfirst: CommandLine, home_ledger: Database, folder: Path, tmp_path: Path
) -> None:
    """Whole documents with what was filled in, whatever keys a task's rows have; both files are labels files, too."""
    from producer.documents.labels import read_labels
    from routing.label_check import LabelCheck

    check = LabelCheck({"type": "object"}, {})
    file, labelled = tmp_path / "audit.jsonl", tmp_path / "labelled.jsonl"
    with home_ledger.write() as connection:
        connection.execute(update(DocumentRow).values(metadata='{"shop":"north"}', pages=3))
    cheapfirst("audit", folder, "--n", "4", "-o", file)
    rows = _rows(file)
    rows[0]["expected"] = {"total": 2}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "1 new labels, 0 changed, 0 known already, 3 lines still empty" in cheapfirst(
        "audit", folder, "--labels", file
    ).out.replace("\n", " ")
    assert "1 rows are in" in cheapfirst("audit", folder, "--labelled", "-o", labelled).err
    name = rows[0]["custom_id"]
    (row,) = _rows(labelled)
    assert (row["custom_id"], row["text"], row["expected"]) == (name, f"text of {name}", {"total": 2})
    other_keys = InputSpec(custom_id="id", text="{{ input.body }}", expected="reference")
    assert take_in(labelled, spec=other_keys).documents == [
        Document(name, f"text of {name}", {"shop": "north"}, {"total": 2}, pages=3)
    ]
    assert read_labels(labelled, check) == {name: {"total": 2}}
    assert read_labels(file, check)[name] == {"total": 2}


def test_a_changed_label_replaces_the_one_before(cheapfirst: CommandLine, folder: Path, tmp_path: Path) -> None:
    """And is told as such."""
    file = tmp_path / "audit.jsonl"
    cheapfirst("audit", folder, "--n", "4", "-o", file)
    _fill(file)
    cheapfirst("audit", folder, "--labels", file)
    _fill(file, right=3)
    told = cheapfirst("audit", folder, "--labels", file, "--json").json
    assert told["changed"] == sum(row["expected"] == {"total": 3} for row in _rows(file)) > 0
    assert told["new"] == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "audit.jsonl:2:1: it is not valid JSON"),
        ('{"custom_id": "past-9"}', "audit.jsonl:2:1: it is not an object with a string `custom_id`"),
        ('{"custom_id": "past-9", "expected": {"totl": 1}}', "did you mean `total`?"),
        ('{"custom_id": "gone", "expected": {"total": 1}}', "no item 'gone' of this task is done"),
        ('{"custom_id": "past-9", "job": "no", "expected": {"total": 1}}', "no item 'past-9' of job 'no' is done"),
        ('{"custom_id": "past-10", "expected": {"total": 1}}', "the item 'past-10' has a label above"),
        ('{"custom_id": "past-9", "expected": {"total": "\\u0000"}}', "audit.jsonl:2:1: "),
    ],
)
def test_a_bad_line_is_told_and_nothing_is_kept(
    cheapfirst: CommandLine, folder: Path, tmp_path: Path, line: str, message: str
) -> None:
    """With its place; mended, the whole file is taken."""
    file = tmp_path / "audit.jsonl"
    good = '{"custom_id": "past-10", "expected": {"total": 1}}\n'
    file.write_text(f"{good}{line}\n")
    ended = cheapfirst("audit", folder, "--labels", file)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert "audit.jsonl:2:1: " in ended.err
    assert cheapfirst("audit", folder, "--labelled").out == ""
    file.write_text(good)
    assert "1 new labels" in cheapfirst("audit", folder, "--labels", file).out


def test_a_file_somebody_fills_in_is_not_overwritten(cheapfirst: CommandLine, folder: Path, tmp_path: Path) -> None:
    """Nor can one be read and written at once; a file that is not there is told."""
    file = tmp_path / "audit.jsonl"
    file.write_text("precious")
    ended = cheapfirst("audit", folder, "--output", file)
    assert (ended.code, "is there already" in ended.err, file.read_text()) == (2, True, "precious")
    assert cheapfirst("audit", folder, "--labels", file, "--labelled").code == 2
    assert cheapfirst("audit", folder, "--labels", tmp_path / "none.jsonl").code == 2


def test_where_nothing_was_accepted_there_is_nothing_to_label(
    cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path
) -> None:
    """It says why."""
    ended = cheapfirst("audit", notes_folder(tmp_path))
    assert (ended.code, "no tier below the last has accepted anything" in ended.err) == (2, True)
