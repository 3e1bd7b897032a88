"""What real models answered goes through the whole pipeline, queues and workers included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from producer.documents.intake import read_documents
from producer.embedded.redis_binary import find_redis_binary
from routing.answer import parse_answer
from routing.completion import FinishReason
from routing.document import Document
from routing.errors import ServiceUnreachableError
from routing.row_reader import RowReader
from routing.task import InputSpec
from tests.support.documents import write_lines
from tests.support.recorded_sets import DATA, recorded_rows
from tests.support.runs import ROOT, Workplace
from tests.support.services import missing

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = 60
ENDED = {0, 1}  # 1: some items failed
RECEIPTS = ROOT / "examples" / "receipts"
ANSWER = {
    "type": "object",
    "properties": {"reasoning": {}, "answer": {"type": ["string", "number"]}},
    "required": ["answer"],
}
COMMITTEE = {"type": "object", "properties": {"committee": {"type": "string"}}, "required": ["committee"]}
RIGHT = {"type": "object", "properties": {"right": {"type": "boolean", "const": True}}, "required": ["right"]}


def _mail(row: dict[str, Any]) -> str:
    return "\n".join(row["input"].values())


def _question(row: dict[str, Any]) -> str:
    text: str = row["input"]["question"]
    return text


def _names_committee(recorded: dict[str, Any]) -> bool:
    return isinstance(recorded["output"].get("committee"), str)


def _was_right(recorded: dict[str, Any]) -> bool:
    right: bool = recorded["output"]["right"]
    return right


def _parses(recorded: dict[str, Any]) -> bool:
    output = parse_answer(recorded["text"], FinishReason.STOP).output
    return output is not None and isinstance(output.get("answer"), str | int | float)


Passes = Callable[[dict[str, Any]], bool]
Text = Callable[[dict[str, Any]], str]
SETS = [
    pytest.param(
        "committees", _mail, COMMITTEE, ("gpt_41_nano_prompt2", "gpt-4o_prompt2"), _names_committee, id="committees"
    ),
    pytest.param(
        "json_answers", _question, ANSWER, ("gpt-3.5-turbo-0125", "gpt-4o-2024-08-06"), _parses, id="json_answers"
    ),
    pytest.param("mmlu_routing", _question, RIGHT, ("mixtral-8x7b", "gpt-4-1106-preview"), _was_right, id="mmlu"),
]


@pytest.mark.parametrize(("name", "text", "schema", "models", "passes"), SETS)
def test_every_recorded_document_ends_at_the_tier_its_answers_call_for(
    tmp_path: Path, name: str, text: Text, schema: dict[str, Any], models: tuple[str, str], passes: Passes
) -> None:
    """Each is done at the first tier whose recorded answer passes, fails where none does, and is told of once."""
    _needs_redis()
    rows = [_row(row, text(row), models) for row in recorded_rows(f"{name}/records.jsonl", DOCUMENTS)]
    write_lines(tmp_path / "recordings.jsonl", *rows)
    _task(tmp_path / "task", schema, models)
    ran = Workplace(tmp_path).run("run", "task", "recordings.jsonl", "--name", "set", "--json")
    assert ran.code in ENDED, ran.err
    ends = [(row["custom_id"], row["tier"] if row["state"] == "done" else None) for row in _results(tmp_path)]
    due = {row["custom_id"]: [passes(row["models"][model]) for model in models] for row in rows}
    assert sorted(ends) == sorted(
        (key, "cheap" if cheap else "expensive" if expensive else None) for key, (cheap, expensive) in due.items()
    )


def test_every_real_receipt_comes_out_once_with_its_label_compared(tmp_path: Path) -> None:
    """The receipts go through the example's engines, some by the cheap one alone, some further."""
    _needs_redis()
    rows = recorded_rows("receipts/dev.jsonl", DOCUMENTS)
    write_lines(tmp_path / "receipts.jsonl", *rows)
    ran = Workplace(tmp_path).run("run", str(RECEIPTS), "receipts.jsonl", "--name", "set", "--json")
    assert ran.code in ENDED, ran.err
    results = _results(tmp_path)
    assert sorted(row["custom_id"] for row in results) == sorted(row["custom_id"] for row in rows)
    assert {"cheap", "expensive"} <= {row["tier"] for row in results}
    assert ran.json["accuracy"] is not None


def test_real_pdfs_come_out_as_their_labels_say(tmp_path: Path) -> None:
    """No model was recorded on them: the label itself answers, for every other one the expensive tier alone."""
    _needs_redis()
    rows = [
        row
        for row in recorded_rows("pdf_documents/documents.jsonl", DOCUMENTS)
        if row["pdf"] is not None and row["domain"] == "sport/swimming"
    ]
    schema = json.loads((DATA / "pdf_documents" / rows[0]["schema"]).read_text())
    files = [DATA / "pdf_documents" / row["pdf"] for row in rows]
    documents = [one for one in read_documents(files, RowReader(InputSpec())) if isinstance(one, Document)]
    assert len(documents) == len(rows)
    labels = {document.custom_id: row["expected"] for document, row in zip(documents, rows, strict=True)}
    recordings = [
        {
            "custom_id": document.custom_id,
            "text": document.text,
            "models": {
                "first": {"text": "I see no results."} if number % 2 else {"output": labels[document.custom_id]},
                "last": {"output": labels[document.custom_id]},
            },
        }
        for number, document in enumerate(documents)
    ]
    write_lines(tmp_path / "recordings.jsonl", *recordings)
    _task(tmp_path / "task", schema, ("first", "last"))
    ran = Workplace(tmp_path).run("run", "task", *map(str, files), "--name", "set", "--json")
    assert ran.code == 0, ran.err
    results = _results(tmp_path)
    assert {row["custom_id"]: row["output"] for row in results} == labels
    assert [row["tier"] for row in results] == [
        "expensive" if number % 2 else "cheap" for number in range(len(documents))
    ]


def _needs_redis() -> None:
    try:
        find_redis_binary()
    except ServiceUnreachableError:
        missing("a Redis server", "apt-get install redis-server")


def _results(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / ".cheapfirst/results/set.jsonl").read_text().splitlines()]


def _row(row: dict[str, Any], text: str, models: tuple[str, str]) -> dict[str, Any]:
    answers = {model: _answer(row["models"][model]) for model in models}
    return {"kind": "recording", "custom_id": row["id"], "text": text, "models": answers}


def _answer(recorded: dict[str, Any]) -> dict[str, Any]:
    if recorded["output"] is None:
        return {"output": {"right": recorded["correct"]}}
    return {"text" if isinstance(recorded["output"], str) else "output": recorded["output"]}


def _task(folder: Path, schema: dict[str, Any], models: tuple[str, str]) -> None:
    folder.mkdir()
    (folder / "schema.json").write_text(json.dumps(schema))
    task = {
        "task": "recorded-set",
        "schema": "schema.json",
        "prompt": {"user": "{{ text }}"},
        "tiers": [{"name": tier, "model": tier} for tier in ("cheap", "expensive")],
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    deployment = {
        "servers": {"recorded": {"recordings": "../recordings.jsonl"}},
        "models": {
            tier: {"provider": "openai", "model": model, "server": "recorded", "price": {"input": 1, "output": 1}}
            for tier, model in zip(("cheap", "expensive"), models, strict=True)
        },
    }
    (folder / "cheapfirst.yaml").write_text(yaml.safe_dump(deployment))
