"""Recorded models answer for the documents they were recorded on, whatever prompt is around them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from evaluation.model_server.engine import EngineAnswer, EngineRequest, NotRecordedError, RefusedError
from evaluation.replay.engines import replay_engines
from producer.task_folder import load_task
from routing.comparison import Comparison
from routing.completion import FinishReason, Message, Prompt
from routing.errors import InvalidFileError, UsageError
from routing.failed_fields import ask_for
from routing.prompts import PromptSet
from routing.repair import repair_prompt
from routing.row_reader import RowReader
from routing.verdict import CheckName, Failure
from tests.support.services import missing

ROOT = Path(__file__).parents[3]
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


def _prompt(document: str) -> Prompt:
    return Prompt((Message("system", "Extract."), Message("user", f"<document>\n{document}\n</document>")), {})


def _answer(path: Path, model: str, prompt: Prompt) -> EngineAnswer:
    answer = replay_engines(path)[model](EngineRequest(model, prompt.messages, prompt.schema))
    assert isinstance(answer, EngineAnswer)
    return answer


def _ask(path: Path, model: str, document: str) -> str:
    return _answer(path, model, _prompt(document)).text


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


def test_what_a_provider_told_of_an_answer_is_told_again(tmp_path: Path) -> None:
    """Its tokens, why it ended and how sure it was; and a call that was refused is refused again."""
    told = {"text": "{", "finish_reason": "length", "input_tokens": 7, "output_tokens": 1, "confidence": 0.5}
    path = _file(tmp_path, [{"custom_id": "a", "text": LONG, "models": {"m": told, "n": {"refused": 400}}}])
    assert _answer(path, "m", _prompt(LONG)) == EngineAnswer("{", FinishReason.LENGTH, 7, 1, 0.5)
    with pytest.raises(RefusedError) as caught:
        _ask(path, "n", LONG)
    assert caught.value.status == 400


def test_a_repair_gets_the_answer_that_followed_and_the_last_one_ever_after(tmp_path: Path) -> None:
    """The document of a conversation that goes on is the one it began with."""
    recorded = {"text": "first", "repairs": [{"text": "second"}]}
    path = _file(tmp_path, [{"custom_id": "a", "text": LONG, "models": {"m": recorded}}])
    prompt, said = _prompt(LONG), []
    for _ in range(3):
        said.append(_answer(path, "m", prompt).text)
        prompt = repair_prompt(prompt, said[-1], [Failure(CheckName.RULES, "total", "no")])
    assert said == ["first", "second", "second"]


def test_some_fields_are_answered_by_what_was_recorded_for_them_or_by_the_whole(tmp_path: Path) -> None:
    """Whichever order they were asked in."""
    recorded = {"text": '{"a": 1, "b": 2, "c": 3}', "parts": {"a,b": {"text": '{"a": 9}'}}}
    path = _file(tmp_path, [{"custom_id": "a", "text": LONG, "models": {"m": recorded, "n": {"text": "none"}}}])

    def asked(model: str, *fields: str) -> str:
        return _answer(path, model, ask_for(_prompt(LONG), {}, fields)).text

    assert asked("m", "b", "a") == '{"a": 9}'
    assert asked("m", "c") == '{"c":3}'
    assert asked("n", "c") == "none"


def test_a_judge_gets_what_it_said_as_a_judge(tmp_path: Path) -> None:
    """A model may be both the judge and the first tier's, and may have been recorded in one of these parts only."""
    recorded = {"text": "whole", "judged": {"text": "judged"}}
    parts = {"m": recorded, "n": {"judged": {"text": "only"}}, "o": {"parts": {"a": {"text": "part"}}}}
    path = _file(tmp_path, [{"custom_id": "a", "text": LONG, "models": parts}])
    judging = dataclasses.replace(_prompt(LONG), schema={"properties": {"probability": {}}})
    assert [_answer(path, "m", prompt).text for prompt in (judging, _prompt(LONG))] == ["judged", "whole"]
    assert _answer(path, "n", judging).text == "only"
    with pytest.raises(NotRecordedError, match="`o` was not recorded on document a"):
        _ask(path, "o", LONG)


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
            given = engines[model](EngineRequest(model, prompt.messages, None))
            assert isinstance(given, EngineAnswer)
            answer = json.loads(given.text)
            assert answer == row["models"][model]["output"]
            asked += 1
            right = Comparison({}).alike("committee", answer.get("committee"), label["committee"])
            judged = row["models"][model]
            agreed += (right or not judged["correct"]) and (judged["correct_norm"] or not right)
    assert asked > 0.9 * 2 * len(rows)
    assert agreed / asked > 0.99
