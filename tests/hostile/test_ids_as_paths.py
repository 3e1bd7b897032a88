"""Ids and names of jobs that would be paths: they are texts, and lead to no file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.database import Database
from tests.support.command_line import CommandLine
from tests.support.documents import take_in, write_lines
from tests.support.ended_jobs import LedgerJob, documents

IDS = [
    *("../x", "../../../../etc/passwd", "/etc/passwd", "a/../../b", "..", ".", "~", "~root/x", "C:\\x"),
    *("-x", "--json", "$(touch ran)", "`touch ran`", "%2e%2e%2fx", "\\\\host\\share", "file:///etc/passwd", "x" * 500),
]
REFUSED = ["a\x00b", "a\nb", "a\rb", "\x1b[2J", "x" * 100_000, "", " "]
DEPLOYMENT = "models:\n  small: {provider: openai, model: gpt-5-mini}\n  large: {provider: openai, model: gpt-5}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, deep enough for `..` to lead somewhere."""
    folder = tmp_path / "a" / "b" / "place"
    folder.mkdir(parents=True)
    (folder / "cheapfirst.yaml").write_text(DEPLOYMENT)
    monkeypatch.chdir(folder)
    return folder


def _files(folder: Path) -> set[Path]:
    return {file.relative_to(folder) for file in folder.rglob("*") if not file.is_relative_to(folder / "home")}


def test_no_id_leads_to_a_file(cheapfirst: CommandLine, home_ledger: Database, place: Path, tmp_path: Path) -> None:
    """What is written of a job is what was asked for, wherever its ids would lead; each is told as it is."""
    job = LedgerJob(home_ledger, documents(*IDS))
    for _ in IDS:
        job.accept({"company": "A"})
    before = _files(tmp_path)
    inside = place.relative_to(tmp_path)
    wanted = {inside / name for name in ("out.jsonl", "out.csv", "page.html", "audit.jsonl", "r")}
    for arguments in (
        *(("results", "--output", name) for name in ("out.jsonl", "out.csv")),
        ("report", "--html", "page.html"),
        ("record", "--output", "r"),
        ("items",),
        ("log",),
    ):
        ended = cheapfirst(*arguments)
        assert ended.code == 0, (arguments, ended.err)
    made = _files(tmp_path) - before
    assert {file for file in made if inside / "r" not in file.parents} <= wanted
    assert {file.name for file in made if inside / "r" in file.parents} == {"recordings.jsonl", "cheapfirst.yaml"}
    rows = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == IDS
    recorded = [json.loads(line) for line in (place / "r" / "recordings.jsonl").read_text().splitlines()]
    assert {row["custom_id"] for row in recorded} == set(IDS)
    for custom_id in (IDS[0], IDS[2], IDS[9], IDS[10]):
        assert cheapfirst("show", "--json", "--", custom_id).json["custom_id"] == custom_id


def test_ids_no_line_or_database_can_hold_are_refused(place: Path) -> None:
    """With NUL, a line break, an escape, or too long: one refusal for each, and the others are taken in."""
    rows = [{"custom_id": custom_id, "text": f"text {number}"} for number, custom_id in enumerate([*REFUSED, "fine"])]
    taken = take_in(write_lines(place / "documents.jsonl", *rows))
    assert taken.ids == ["fine"]
    assert len(taken.refusals) == len(REFUSED)


def test_no_name_of_a_job_is_a_path(
    cheapfirst: CommandLine, home_ledger: Database, place: Path, tmp_path: Path
) -> None:
    """`submit` refuses it before anything is written, no other command finds such a job, and none moves the cursor."""
    cheapfirst("init")
    write_lines(place / "documents.jsonl", {"custom_id": "a", "text": "Total 1"}, {"custom_id": "a", "text": "again"})
    before = _files(tmp_path)
    for name in (IDS[0], IDS[2], IDS[4], IDS[9], "a\x00b", "a\nb", "\x1b[2J"):
        refused = cheapfirst("submit", "invoices", "documents.jsonl", f"--name={name}")
        found = cheapfirst("status", "--", name)
        assert (refused.code, found.code) == (2, 2), name
        assert "\x1b" not in refused.err + found.err
    assert _files(tmp_path) == before
