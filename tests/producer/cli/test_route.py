"""Where documents would go, told without any call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine

TASK = """\
task: notes
schema: schema.json
tiers:
  - {name: cheap, model: small}
  - {name: expensive, model: large}
route:
  rules:
    - {id: gold, if: "flags.care and metadata.user == 'gold'", tier: expensive}
    - {id: long, if: "characters > 100", tier: expensive}
"""
DEPLOYMENT = """\
models:
  small: {provider: openai, model: a, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}}
  large: {provider: openai, model: b, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}}
flags: {care: true}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task with two rules, and a deployment with a flag; its provider is not there."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "task.yaml").write_text(TASK)
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    (folder / "cheapfirst.yaml").write_text(DEPLOYMENT)
    return folder


def _inputs(folder: Path, count: int) -> Path:
    rows = []
    for number in range(count):
        user = ("gold", "silver", "")[number % 3]
        text = "x" * (200 if number % 4 == 0 else 20)
        rows.append({"custom_id": f"doc-{number}", "text": text, "metadata": {"user": user}})
    file = folder / "inputs.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def test_a_thousand_mixed_documents_go_where_the_rules_say(cheapfirst: CommandLine, task: Path) -> None:
    """Each line of JSON names the tier, the layer, the cause, the rule and the version."""
    ended = cheapfirst("route", task, _inputs(task, 1000), "--json")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, len(rows)) == (0, 1000)
    for number, row in enumerate(rows):
        gold, long_ = number % 3 == 0, number % 4 == 0
        expected = ("expensive", "gold") if gold else ("expensive", "long") if long_ else ("cheap", "")
        assert (row["custom_id"], row["tier"], row["rule"]) == (f"doc-{number}", *expected)
        assert (row["layer"], row["cause"]) == (("rule", "rule_matched") if row["rule"] else ("default", "first_tier"))
        assert row["version"].startswith("task:")


def test_a_person_reads_lines_and_a_sum(cheapfirst: CommandLine, task: Path) -> None:
    """With --explain, the facts as well."""
    ended = cheapfirst("route", task, _inputs(task, 6), "--explain")
    assert "doc-0  expensive  rule: rule_matched  rule gold" in ended.out
    assert "metadata.user=gold" in ended.out
    assert "6 documents: cheap 3 (50%), expensive 3 (50%)" in ended.out


def test_the_ledgers_rollout_counts(cheapfirst: CommandLine, task: Path) -> None:
    """What was changed last holds here as it does for jobs."""
    inputs = _inputs(task, 6)
    assert cheapfirst("ramp", task, "--to", "0").code == 0
    rows = [json.loads(line) for line in cheapfirst("route", task, inputs, "--json").out.splitlines()]
    assert {(row["tier"], row["layer"], row["version"]) for row in rows} == {("expensive", "ramp", "rollout:1")}


def test_an_input_that_is_refused_is_counted(cheapfirst: CommandLine, task: Path) -> None:
    """The others are told all the same."""
    inputs = _inputs(task, 2)
    inputs.write_text(f"{inputs.read_text()}nonsense\n")
    ended = cheapfirst("route", task, inputs)
    assert "2 documents" in ended.out
    assert "1 inputs were refused" in ended.err


def test_documents_a_judge_would_decide_are_marked(cheapfirst: CommandLine, task: Path) -> None:
    """Without a call nobody knows what it would say; a rule comes before it."""
    file = task / "task.yaml"
    file.write_text(f"{TASK}  classifier: {{judge: {{model: small}}}}\n")
    rows = [json.loads(line) for line in cheapfirst("route", task, _inputs(task, 12), "--json").out.splitlines()]
    assert {(row["rule"] != "", row["asks_judge"]) for row in rows} == {(True, False), (False, True)}
    told = cheapfirst("route", task, _inputs(task, 3)).out
    assert "a judge would be asked" in told
