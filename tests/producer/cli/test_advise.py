"""Advice, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from producer.task_folder import load_task
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine

HEADER = "item,tier,cost_usd,passed,latency_ms\n"
TASK = """\
task: receipt
schema: schema.json
tiers:
  - {name: cheap, model: small}
  - {name: expensive, model: large}
route:
  rules:
    - {id: never, if: "characters > 100000", tier: expensive}
"""
DEPLOYMENT = """\
models:
  small: {provider: openai, model: a, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}}
  large: {provider: openai, model: b, base_url: "http://127.0.0.1:9/v1", price: {input: 20, output: 20}}
"""
COUNT = 60


def _task(folder: Path) -> Path:
    folder.mkdir()
    (folder / "task.yaml").write_text(TASK)
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    (folder / "cheapfirst.yaml").write_text(DEPLOYMENT)
    return folder


def _ledger_job(ledger: Database, task: Path) -> None:
    """Two in three pass cheap, every third is mended."""
    names = [f"doc-{number}" for number in range(COUNT)]
    job = LedgerJob(ledger, documents(*names), load_task(task))
    for number in range(COUNT):
        if number % 3:
            job.accept({"total": 1})
        else:
            job.escalate_and_accept({"total": 1}, ("rules", "total"))


def test_a_ledger_is_advised_from_its_own_documents(
    cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path
) -> None:
    """Figures, tiers and rules, each with what it rests on; the volume of a young ledger is not known."""
    task = _task(tmp_path / "receipt")
    _ledger_job(home_ledger, task)
    asked = cheapfirst("advise", task, "--items-per-month", 1_000_000, "--engineering-usd", 1_000, "--json")
    told = asked.json
    assert (asked.code, told["advice"], told["reason"]) == (0, "route", "saves")
    assert told["rests_on"]["documents_tried_cheap"] == COUNT
    assert told["figures"]["passes_cheap"]["value"] == 2 / 3
    low, high = told["figures"]["net_saving_usd"]["interval"]
    assert low < told["figures"]["net_saving_usd"]["value"] < high
    assert [part["verdict"] for part in told["tiers"].values()] == ["earns", "earns"]
    assert told["rules"]["never"]["verdict"] == "not_enough_data"

    young = cheapfirst("advise", task)
    assert (young.code, "give --items-per-month" in young.out) == (0, True)
    assert "rules" in young.out


def test_the_volume_is_that_of_the_ledgers_last_month(
    cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path
) -> None:
    """60 documents in a ledger of ten days: 180 in thirty."""
    task = _task(tmp_path / "receipt")
    _ledger_job(home_ledger, task)
    with home_ledger.write() as connection:
        connection.execute(text("UPDATE jobs SET created_ms = created_ms - 864000000"))
    told = cheapfirst("advise", task, "--engineering-usd", 1_000, "--json").json
    assert round(told["terms"]["items_per_month"]) == 180
    assert (told["advice"], told["reason"]) == ("do_not_route", "tiny_volume")


def test_a_file_of_calls_is_advised_without_a_ledger(cheapfirst: CommandLine, home: Path, tmp_path: Path) -> None:
    """The case of a latency that is too tight; no ledger is made."""
    file = tmp_path / "calls.csv"
    file.write_text(HEADER + "".join(f"{number},cheap,0.001,true,900\n" for number in range(400)))
    ended = cheapfirst("advise", "--calls", file, "--latency-budget-ms", 500)
    assert (ended.code, "do not route" in ended.out, "latency" in ended.out) == (0, True, True)
    assert json.loads(cheapfirst("advise", "--calls", file, "--json").out)["advice"] == "stay_cheap"
    assert not (home / "ledger.db").exists()


def test_wrong_usage_ends_with_2(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """Neither a task nor a file, both, a broken file, no ledger."""
    task, file = _task(tmp_path / "receipt"), tmp_path / "calls.csv"
    file.write_text(HEADER + "a,dear,1,true,5\n")
    ends = [cheapfirst("advise"), cheapfirst("advise", task, "--calls", file), cheapfirst("advise", "--calls", file)]
    ends.append(cheapfirst("advise", task))
    assert [ended.code for ended in ends] == [2, 2, 2, 2]
    assert "calls.csv:2" in ends[2].err


def test_without_a_document_it_says_how_to_get_some(
    cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path
) -> None:
    """No share is told of nothing."""
    ended = cheapfirst("advise", _task(tmp_path / "receipt"))
    assert (ended.code, ended.out.count("\n")) == (0, 2), ended.out
    assert "no document was tried" in ended.out
    assert "--sample 50" in ended.out


@pytest.mark.parametrize("option", [("--items-per-month", "inf"), ("--months", "1e9"), ("--engineering-usd", "1e400")])
def test_an_endless_term_is_wrong_usage(cheapfirst: CommandLine, tmp_path: Path, option: tuple[str, str]) -> None:
    """A saving that is infinite is told to nobody."""
    assert cheapfirst("advise", _task(tmp_path / "receipt"), *option).code == 2
