"""Recorded models answer for the documents they were recorded on, whatever prompt is around them."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from evaluation.model_server.engine import EngineRequest, NotRecordedError
from evaluation.replay.engines import replay_engines
from producer.task_folder import load_task
from routing.comparison import Comparison
from routing.completion import Message
from routing.errors import InvalidFileError, UsageError
from routing.prompts import PromptSet
from routing.row_reader import RowReader
from tests.support.services import missing

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CHEAPFIRST_DATA", ROOT.parent / "shared" / "data"))
LONG = "A long document of more than forty-eight characters, so that a window of it can be found. "
ROWS = [
    {"id": "a", "input": LONG + "one", "models": {"m": {"output": {"x": 1}}, "n": {"text": "```raw```"}}},
    {"id": "b", "input": {"subject": "Hello", "body": LONG + "two"}, "models": {"m": {"output": {"x": 2}}}},
    {"id": "c", "input": "short", "models": {"m": {"output": {"x": 3}}}},
]


def _file(folder: Path, rows: list[object]) -> Path:
    path = folder / "recordings.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def _ask(path: Path, model: str, document: str) -> str:
    messages = (Message("system", "Extract."), Message("user", f"<document>\n{document}\n</document>"))
    return replay_engines(path)[model](EngineRequest(model, messages, None))


def test_a_document_is_found_in_its_prompt(tmp_path: Path) -> None:
    """By its text alone, in one part or several, short or long."""
    path = _file(tmp_path, [*ROWS])
    assert _ask(path, "m", LONG + "one") == '{"x":1}'
    assert _ask(path, "n", LONG + "one") == "```raw```"
    assert _ask(path, "m", f"Subject: Hello\n\n{LONG}two") == '{"x":2}'
    assert _ask(path, "m", "short") == '{"x":3}'


@pytest.mark.parametrize("document", ["something else", LONG + "three", LONG])
def test_what_was_not_recorded_is_told_without_its_text(tmp_path: Path, document: str) -> None:
    """Neither an unknown document nor one that merely looks like it is answered."""
    with pytest.raises(NotRecordedError) as caught:
        _ask(_file(tmp_path, [*ROWS]), "m", document)
    assert "not among the 3" in str(caught.value)
    assert document not in str(caught.value)


def test_a_model_that_was_not_recorded_on_a_document_is_told(tmp_path: Path) -> None:
    """The document's id says where to look."""
    with pytest.raises(NotRecordedError, match="`n` was not recorded on document b"):
        _ask(_file(tmp_path, [*ROWS]), "n", f"Hello {LONG}two")


def test_rows_of_another_form_are_told_with_their_lines(tmp_path: Path) -> None:
    """All of them, up to a bound."""
    with pytest.raises(InvalidFileError) as caught:
        replay_engines(_file(tmp_path, [ROWS[0], {"id": 1}, [], ROWS[1]]))
    assert [problem.line for problem in caught.value.problems] == [2, 3]
    with pytest.raises(InvalidFileError) as caught:
        replay_engines(_file(tmp_path, [{}] * 50))
    assert len(caught.value.problems) == 20
    with pytest.raises(UsageError, match="no recordings file"):
        replay_engines(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["task.yaml", "gemma.yaml"])
def test_all_committees_are_answered_as_their_source_judged_them(name: str) -> None:
    """Every real e-mail is found in its prompt, and our comparison lies between the source's two: strict and loose."""
    file = DATA / "committees" / "records.jsonl"
    if not file.exists():
        missing(f"The recorded committees ({file})", "set CHEAPFIRST_DATA to the folder that holds them")
    task = load_task(ROOT / "examples" / "committees" / name)
    engines = replay_engines(file)
    reader, prompts = RowReader(task.input), PromptSet(task, {})
    cheap = {"task.yaml": "gpt_41_nano_prompt2", "gemma.yaml": "gemma2_prompt2"}[name]
    agreed = asked = 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    seen = Counter(reader.text(row) for row in rows)
    for row in rows:
        text, label = reader.text(row), reader.expected(row)
        if seen[text] > 1:
            continue  # the same mail was recorded more than once, with answers of its own each time
        assert text is not None
        assert label is not None
        prompt = prompts.prompt("cheap", text, {})
        for model in (cheap, "gpt-4o_prompt2"):
            answer = json.loads(engines[model](EngineRequest(model, prompt.messages, None)))
            assert answer == row["models"][model]["output"]
            asked += 1
            right = Comparison({}).alike("committee", answer.get("committee"), label["committee"])
            judged = row["models"][model]
            agreed += (right or not judged["correct"]) and (judged["correct_norm"] or not right)
    assert asked > 0.9 * 2 * len(rows)
    assert agreed / asked > 0.99
