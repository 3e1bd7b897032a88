"""`record` writes what models answered, and a deployment that gives it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from evaluation.replay.engines import replay_engines
from tests.support.ended_jobs import LedgerJob, documents
from workers.deployment import read_deployment

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database
    from tests.support.command_line import CommandLine

DEPLOYMENT = """\
models:
  small: {provider: openai, model: gpt-5-mini, api_key: env:KEY}
  large: {provider: anthropic, model: secret-name, price: {input: 3, output: 15, note: agreed}}
  unused: {provider: openai, model: gpt-5-mini}
queues: {cheap: {concurrency: 7, chunk: 3}, expensive: {concurrency: auto}}
flags: {care: true}
"""


@pytest.fixture
def job(home_ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerJob:
    """A job of which one document was escalated, and one has no call yet."""
    (tmp_path / "cheapfirst.yaml").write_text(DEPLOYMENT)
    monkeypatch.chdir(tmp_path)
    job = LedgerJob(home_ledger, documents("anna", "b", "c", "open", expected={"company": "Anna"}))
    job.accept({"company": "A"})
    job.escalate_and_accept({"company": "B"}, ("rules", "company"))
    job.accept({"company": "C"})
    return job


def test_a_job_is_written_with_a_deployment_that_replays_it(
    cheapfirst: CommandLine, job: LedgerJob, tmp_path: Path
) -> None:
    """Under the names tasks use, at the prices the calls had, without keys; what was not asked is left out."""
    ended = cheapfirst("record", "--output", tmp_path / "r", "--json")
    assert (ended.code, ended.err) == (0, "")
    told = ended.json
    assert (told["documents"], told["left_out"], told["models"]) == (3, 1, ["large", "small"])
    rows = [json.loads(line) for line in (tmp_path / "r/recordings.jsonl").read_text().splitlines()]
    assert [(row["custom_id"], sorted(row["models"])) for row in rows] == [
        ("anna", ["small"]),
        ("b", ["large", "small"]),
        ("c", ["small"]),
    ]
    assert sorted(replay_engines(tmp_path / "r/recordings.jsonl")) == ["large", "small"]
    written = read_deployment(tmp_path / "r/cheapfirst.yaml")
    assert (written.queue("cheap").concurrency, written.flags) == (7, {"care": True})
    assert (written.queue("cheap").self_tuning, written.queue("expensive").self_tuning) == (False, True)
    small, large = written.models["small"].price, written.models["large"].price
    assert small is not None
    assert large is not None
    assert (float(small.input), float(small.output)) == (0.25, 2)
    assert (float(large.input), float(large.output)) == (3, 15)
    assert "agreed" in large.note
    assert "KEY" not in (tmp_path / "r/cheapfirst.yaml").read_text()
    assert (tmp_path / "r").stat().st_mode & 0o077 == 0


def test_what_is_redacted_is_told(cheapfirst: CommandLine, job: LedgerJob, tmp_path: Path) -> None:
    """How many values by each rule, and how many verdicts that changed."""
    ended = cheapfirst("record", "--output", tmp_path / "r", "--redact", "field:company", "--redact", "email")
    assert ended.code == 0, ended.err
    assert "redacted: field:company 3, email 0 values" in ended.out
    assert "of 4 first answers, 0 are judged otherwise" in ended.out
    assert "anna" not in (tmp_path / "r/recordings.jsonl").read_text().lower()


def test_a_sample_is_the_same_every_time(cheapfirst: CommandLine, job: LedgerJob, tmp_path: Path) -> None:
    """Two documents of four, drawn by their names."""
    for folder in ("one", "two"):
        assert cheapfirst("record", "--output", tmp_path / folder, "--sample", "2").code == 0
    one, two = ((tmp_path / folder / "recordings.jsonl").read_text() for folder in ("one", "two"))
    assert one == two
    assert len(one.splitlines()) in {1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--redact", "emails"), "says not what to redact"),
        (
            ("--redact", "field:compny"),
            "would redact nothing: the schema has no field `compny`; did you mean `company`?",
        ),
        (("--deployment", "other.yaml"), "The deployment has no `large` any more"),
        (("nobody",), "There is no job `nobody`"),
    ],
)
def test_what_cannot_be_done_is_told(
    cheapfirst: CommandLine, job: LedgerJob, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """With exit code 2, in one line."""
    (tmp_path / "other.yaml").write_text("models: {small: {provider: openai, model: gpt-5-mini}}")
    ended = cheapfirst("record", *arguments, "--output", tmp_path / "r")
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_nothing_is_overwritten_and_nothing_is_left_of_a_job_without_answers(
    cheapfirst: CommandLine, home_ledger: Database, job: LedgerJob, tmp_path: Path
) -> None:
    """A folder with recordings in it is somebody's."""
    assert cheapfirst("record", "--output", tmp_path / "r").code == 0
    again = cheapfirst("record", "--output", tmp_path / "r")
    assert (again.code, "exists already" in again.err) == (2, True)
    LedgerJob(home_ledger, documents("x"), name="new")
    empty = cheapfirst("record", "new", "--output", tmp_path / "e")
    assert (empty.code, "No model has answered in new yet" in empty.err) == (2, True)
    assert not (tmp_path / "e/recordings.jsonl").exists()
