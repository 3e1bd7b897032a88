"""Plans, on the command line: nothing is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlmodel import col

from producer.task_folder import load_task
from storage.tables import Attempt, Job
from storage.task_volume import DAY_MS, recent_volume
from tests.support.documents import write_lines
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine

TASK = """\
task: notes
schema: schema.json
prompt: {system: "Read it.", user: "{{ text }} for {{ metadata.user }}"}
tiers:
  - {name: cheap, model: small, repair: 1}
  - {name: expensive, model: large}
route:
  rules:
    - {id: long, if: "characters > 100", tier: expensive}
max_output_tokens: 50
"""
DEPLOYMENT = """\
models:
  small: {provider: openai, model: a, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}}
  large: {provider: openai, model: b, base_url: "http://127.0.0.1:9/v1", price: {input: 10, output: 20}, rpm: 60}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task with a rule and a repair, whose providers are not there."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "task.yaml").write_text(TASK)
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    (folder / "cheapfirst.yaml").write_text(DEPLOYMENT)
    return folder


def _inputs(folder: Path) -> Path:
    user = {"user": "me"}
    rows = [{"custom_id": f"note-{number}", "text": "x" * 40, "metadata": user} for number in range(8)]
    rows += [{"custom_id": "long", "text": "x" * 200, "metadata": user}]
    return write_lines(folder / "notes.jsonl", *rows, {"custom_id": "nobody's", "text": "x"}, {"custom_id": "empty"})


def test_without_history_it_tells_upper_bounds(cheapfirst: CommandLine, task: Path) -> None:
    """Documents by their start, what is refused, what cannot be written, and the most that each way costs."""
    ended = cheapfirst("plan", task, _inputs(task), "--json")
    told = ended.json
    assert (ended.code, told["basis"], told["documents"]) == (0, "bounds", 9)
    assert (told["refused"], told["unwritable"]) == ({"missing_text": 1}, 1)
    assert told["starts"] == {"cheap": 8, "expensive": 1}
    cheap, routed, last = (told["paths"][name] for name in ("cheap", "routed", "expensive"))
    assert (cheap["calls"], last["calls"], routed["calls"]) == ([None, 18], [None, 9], [None, 8 * 2 + 9])
    assert (last["output_tokens"], last["time_s"]) == ([None, 450], None)
    least = (9 * 40 + 160) // 4 / 1e6 * 10
    assert least < float(last["cost_usd"][1]) < float(routed["cost_usd"][1])
    shown = cheapfirst("plan", task, _inputs(task))
    assert ("at most $" in shown.out, "not known" in shown.out, "1 inputs refused" in shown.out) == (True, True, True)


def test_history_tells_ranges(cheapfirst: CommandLine, home_ledger: Database, task: Path) -> None:
    """From jobs that called alike; one whose prompt was another is left aside. A limit makes it slow."""
    names = [f"doc-{number}" for number in range(30)]
    job = LedgerJob(home_ledger, documents(*names), load_task(task))
    for number in range(30):
        if number % 3:
            job.accept({"total": 1})
        else:
            job.escalate_and_accept({"total": 1}, ("rules", "total"))
    other = load_task(task).model_copy(update={"max_output_tokens": 51})
    LedgerJob(home_ledger, documents("a"), other, name="other").accept({"total": 1})

    told = cheapfirst("plan", task, _inputs(task), "--json").json
    assert (told["basis"], told["history"]) == (
        "history",
        {
            "items": 30,
            "jobs": 1,
            "jobs_left_aside": 1,
            "items_left_aside": 0,
            "answered_by": ["provider"],
        },
    )
    routed, last = told["paths"]["routed"], told["paths"]["expensive"]
    # Each call of the cheap tier took 100 tokens in and 10 out; one document starts on the last tier.
    assert told["paths"]["cheap"]["input_tokens"] == [900, 900]
    assert [float(end) for end in told["paths"]["cheap"]["cost_usd"]] == pytest.approx([9 * 120e-6] * 2)
    assert routed["documents_by_tier"]["cheap"] == [8, 8]
    low, high = routed["documents_by_tier"]["expensive"]
    assert 1 <= low < 1 + 8 / 3 < high <= 9
    assert last["time_s"][0] == pytest.approx(9 - 1)  # 60 a minute, of which a second's may come at once
    assert "10 of 30 documents went up from cheap" in routed["rests_on"]
    text = cheapfirst("plan", task, _inputs(task)).out
    assert "10 of 30 documents went up from cheap" in text
    assert "1 jobs with other models" in text


def test_what_recordings_answered_is_no_history(cheapfirst: CommandLine, home_ledger: Database, task: Path) -> None:
    """A job that was run again from its recording teaches neither plan nor advice, and counts for no volume."""
    job = LedgerJob(home_ledger, documents(*(f"doc-{number}" for number in range(30))), load_task(task))
    for _ in range(30):
        job.accept({"total": 1})
    before = cheapfirst("plan", task, _inputs(task), "--json").json
    assert (before["basis"], before["history"]["answered_by"]) == ("history", ["provider"])
    with home_ledger.write() as connection:
        connection.execute(update(Attempt).values(answered_by="recording"))

    told = cheapfirst("plan", task, _inputs(task), "--json").json
    assert told["basis"] == "bounds"
    assert told["history"] == {
        "items": 0,
        "jobs": 0,
        "jobs_left_aside": 0,
        "items_left_aside": 30,
        "answered_by": [],
    }
    assert "30 documents left aside that a recording answered" in cheapfirst("plan", task, _inputs(task)).out
    advice = cheapfirst("advise", task, "--json").json
    assert (advice["rests_on"]["documents_tried_cheap"], advice["rests_on"]["items_left_aside"]) == (0, 30)
    assert "30 documents left aside that a recording answered" in cheapfirst("advise", task).out
    with home_ledger.write() as connection:
        connection.execute(update(Job).values(created_ms=col(Job.created_ms) - 10 * DAY_MS))
    assert recent_volume(home_ledger, "notes", 30).items == 0
    with home_ledger.write() as connection:
        connection.execute(update(Attempt).values(answered_by=None))
    assert recent_volume(home_ledger, "notes", 30).items == 30


def test_where_recordings_answer_now_the_plan_says_so(
    cheapfirst: CommandLine, home_ledger: Database, task: Path
) -> None:
    """A deployment of recordings plans from recordings, under a remark; what providers answered is not its history."""
    deployment = (task / "cheapfirst.yaml").read_text().replace('base_url: "http://127.0.0.1:9/v1"', "server: recorded")
    (task / "cheapfirst.yaml").write_text(f"{deployment}servers:\n  recorded: {{recordings: r.jsonl}}\n")
    (task / "r.jsonl").write_text("")
    job = LedgerJob(home_ledger, documents(*(f"doc-{number}" for number in range(30))), load_task(task))
    for _ in range(30):
        job.accept({"total": 1})
    assert cheapfirst("plan", task, _inputs(task), "--json").json["history"]["items_left_aside"] == 30
    with home_ledger.write() as connection:
        connection.execute(update(Attempt).values(answered_by="recording"))
    planned = cheapfirst("plan", task, _inputs(task)).out
    assert "30 documents of 1 jobs" in planned
    assert "The answers are recordings of real models, given again" in planned
    assert "The answers are recordings of real models, given again" in cheapfirst("advise", task).out


def test_a_sample_is_not_paid_for_unless_somebody_agrees(
    cheapfirst: CommandLine, task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is told of --yes, a person may decline; either way the most it costs is told, and no job is written."""
    refused = cheapfirst("plan", task, _inputs(task), "--sample", 3)
    assert (refused.code, "it costs at most $" in refused.err, "--yes" in refused.err) == (2, True, True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_arguments, **_options: False)
    declined = cheapfirst("plan", task, _inputs(task), "--sample", 3)
    assert (declined.code, "declined" in declined.err) == (2, True)
    assert cheapfirst("jobs", "--json").json == []


def test_what_cannot_be_planned_ends_with_2(cheapfirst: CommandLine, task: Path) -> None:
    """No document at all, and a sample of what can be read once only."""
    nothing = write_lines(task / "nothing.jsonl", {"custom_id": "empty"})
    assert cheapfirst("plan", task, nothing).code == 2
    twice = cheapfirst("plan", task, "-", "--sample", 3)
    assert (twice.code, "read once" in twice.err) == (2, True)


def test_a_sample_of_nothing_is_wrong_usage(cheapfirst: CommandLine, task: Path) -> None:
    """Who asks for a sample wants one: none is not taken for it in silence."""
    ended = cheapfirst("plan", task, _inputs(task), "--sample", 0)
    assert (ended.code, "--sample" in ended.err) == (2, True)


@pytest.mark.parametrize(("price", "reaches"), [("{input: 1, output: 2}", False), ("{input: 0, output: 0}", True)])
def test_an_evaluation_on_no_money_is_refused_before_it_is_one(
    cheapfirst: CommandLine, task: Path, price: str, *, reaches: bool
) -> None:
    """No job is written and nothing is started; where models cost nothing, a budget of nothing is enough."""
    deployment = task / "cheapfirst.yaml"
    deployment.write_text(DEPLOYMENT.replace("{input: 1, output: 2}", price).replace("{input: 10, output: 20}", price))
    labelled = write_lines(task / "labelled.jsonl", {"custom_id": "a", "text": " ", "expected": {"total": 1}})
    ended = cheapfirst("eval", task, labelled, "--budget", "0")
    assert (ended.code, "A budget of $0 allows no call" in ended.err) == (2, not reaches)
    assert cheapfirst("jobs", "--json").json == []
