from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producer.cli.run import sigterm_interrupts
from tests.support.documents import write_lines

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def first_task(cheapfirst: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the first task and one document."""
    monkeypatch.chdir(tmp_path)
    assert cheapfirst("init").code == 0
    write_lines(tmp_path / "rows.jsonl", {"custom_id": "a", "text": "Total 1"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invoices", "absent.jsonl"], "No such file"),
        (["absent", "rows.jsonl"], "There is no task"),
        (["invoices", "rows.jsonl", "--results", "rows.xlsx"], ".csv"),
        (["invoices", "rows.jsonl", "--deployment", "absent.yaml"], "absent.yaml"),
        (["invoices", "rows.jsonl", "empty.txt", "--strict"], "1 inputs were refused"),
        (["invoices", "rows.jsonl", "--name", "1"], "cannot be a job's name"),
    ],
)
def test_wrong_usage_is_told_before_anything_starts(
    cheapfirst: CommandLine, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """Missing files, wrong names and refused inputs end with 2; no job and no service is left behind."""
    (tmp_path / "empty.txt").touch()
    before = signal.getsignal(signal.SIGTERM)
    ended = cheapfirst("run", *arguments)
    assert (ended.code, words in ended.err) == (2, True), ended.err
    assert not (tmp_path / "home" / "redis").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_stops_a_run_as_ctrl_c_does() -> None:
    """It is what service managers and containers send."""
    with pytest.raises(KeyboardInterrupt), sigterm_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)


def test_each_refused_input_is_listed_with_its_reason(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """The first of them on stderr, all of them in a file."""
    write_lines(tmp_path / "bad.jsonl", *({"custom_id": str(number)} for number in range(25)))
    ended = cheapfirst("run", "invoices", "bad.jsonl")
    assert ended.code == 2
    assert "25 inputs were refused; all of them are listed in" in ended.err
    assert "bad.jsonl:1: " in ended.err
    assert "... and 5 more" in ended.err


def test_every_mistake_of_a_task_file_is_told(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """File, line and column of each."""
    task = tmp_path / "invoices" / "task.yaml"
    task.write_text(task.read_text().replace("checks:", "chekcs:").replace("grounded:", "grounded:"))
    ended = cheapfirst("run", "invoices", "rows.jsonl")
    assert ended.code == 2
    assert "invoices/task.yaml:" in ended.err
    assert "chekcs" in ended.err


def test_a_broker_that_is_configured_is_never_replaced(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be reached, the run ends with 3."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    for command in ("run", "submit"):
        ended = cheapfirst(command, "invoices", "rows.jsonl")
        assert (ended.code, "The broker cannot be reached" in ended.err) == (3, True), ended.err


def test_submitting_needs_a_broker(cheapfirst: CommandLine) -> None:
    """The error says what brings one."""
    ended = cheapfirst("submit", "invoices", "rows.jsonl")
    assert (ended.code, "REDIS_URL is not set" in ended.err) == (2, True)


def test_nothing_that_exists_is_overwritten(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """`init` in a folder that has one of its files writes nothing."""
    ended = cheapfirst("init")
    assert (ended.code, "exists already" in ended.err) == (2, True)
    assert cheapfirst("init", "elsewhere").code == 0
    assert (tmp_path / "elsewhere" / "invoices" / "task.yaml").is_file()
    assert cheapfirst("init", "rows.jsonl").code == 2


@pytest.mark.timeout(240)
def test_a_run_ends_with_a_report_and_files(cheapfirst: CommandLine, home: Path) -> None:
    """The report is printed with the files it names; the same command again prints it again, and asks nobody."""
    command = ("run", "invoices", "invoices/documents", "empty.txt", "--labels", "invoices/labels.jsonl")
    Path("empty.txt").touch()
    ended = cheapfirst(*command)
    assert ended.code == 0, ended.err
    assert "1 inputs were refused" in ended.err
    assert "done: 3 of 3" in ended.err
    for line in (
        "items       3: 3 done, 0 failed",
        "cheap       2 accepted (67% of all), 1 escalated; 3 calls",
        "model       small is an offline engine (rules, no language model); price from cheapfirst.yaml: made up",
        "accuracy    100.0% of the labelled fields right in 3 items",
        "show surveyor.txt --job invoice-",
    ):
        assert line in ended.out
    (results,) = (home / "results").iterdir()
    assert f"results     {results}" in ended.out
    (report,) = (home / "reports").iterdir()
    assert f"report      {report}" in ended.out

    again = cheapfirst(*command, "--json", "--results", "rows.csv")
    assert (again.code, again.json) == (0, json.loads(report.read_text()))
    assert "was submitted before and is done" in again.err
    assert Path("rows.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("server: offline", "api_key: env:NO_SUCH_KEY", "NO_SUCH_KEY is not set"),
        ("  small:\n", "  smal:\n", "Did you mean `smal`?"),
        ("  small:\n", "  tiny:\n", "Add it under `models`"),
        ('price: {input: 0.10, output: 0.40, note: "made up, nothing is billed"}', "", "price"),
    ],
)
def test_what_workers_would_miss_is_told_at_once(
    cheapfirst: CommandLine, tmp_path: Path, old: str, new: str, words: str
) -> None:
    """A model, a key or a price that is missing ends the run with 2 before a job is written."""
    deployment = tmp_path / "cheapfirst.yaml"
    text = deployment.read_text()
    assert old in text
    deployment.write_text(text.replace(old, new))
    ended = cheapfirst("run", "invoices", "rows.jsonl")
    assert (ended.code, words in ended.err) == (2, True), ended.err
    assert not (tmp_path / "home").exists()
