from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from routing.answer import parse_answer
from routing.completion import FinishReason

DATA = Path(os.environ.get("CHEAPFIRST_DATA", Path(__file__).parents[2] / "../shared/data"))
ANSWERS = DATA / "json_answers" / "records.jsonl"

pytestmark = pytest.mark.skipif(
    not ANSWERS.is_file(), reason=f"no real answers at {ANSWERS}; CHEAPFIRST_DATA names the folder of real data"
)


def test_no_real_answer_that_another_reader_understood_is_lost() -> None:
    """Eleven real models wrote fences, prose, raw line ends and stray backslashes around and into their JSON."""
    lines = ANSWERS.read_text(encoding="utf-8").splitlines()
    answers = [answer for line in lines for answer in json.loads(line)["models"].values()]
    understood = [answer["output"] for answer in answers if answer["json_lenient"]]
    parsed = [parse_answer(output, FinishReason.STOP) for output in understood]
    assert len(understood) > 5000
    assert all(answer.output is not None and "answer" in answer.output for answer in parsed)


def test_most_real_answers_that_others_gave_up_are_read_and_say_so() -> None:
    """Mending wins answers that would go to the expensive model, and flags every one of them."""
    lines = ANSWERS.read_text(encoding="utf-8").splitlines()
    answers = [answer for line in lines for answer in json.loads(line)["models"].values()]
    broken = [answer["output"] for answer in answers if not (answer["json_lenient"] or answer["json_strict"])]
    parsed = [parse_answer(output, FinishReason.STOP) for output in broken]
    assert sum(answer.output is not None for answer in parsed) > len(broken) / 2
