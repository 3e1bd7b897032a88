from __future__ import annotations

import pytest

from routing.answer import ParsedAnswer
from routing.checks.check import Evidence
from routing.checks.length import LengthCheck
from routing.completion import Completion, FinishReason, TokenUsage
from routing.grounding.source_text import SourceText


@pytest.mark.parametrize(("chars", "reasons"), [(10, []), (11, ["the answer has 11 characters, more than 10"])])
def test_an_answer_may_be_as_long_as_said_and_no_longer(chars: int, reasons: list[str]) -> None:
    """All the model wrote counts, not only its JSON."""
    completion = Completion("x" * chars, FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
    result = LengthCheck(10).check(Evidence({}, ParsedAnswer({}), completion, SourceText("")))
    assert [failure.reason for failure in result.failures] == reasons
