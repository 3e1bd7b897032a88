"""A repair tells what failed, and is left out where that cannot help."""

from __future__ import annotations

import pytest

from routing.completion import FinishReason, Message, Prompt
from routing.repair import MAX_ANSWER_CHARACTERS, MAX_FAILURES_TOLD, is_repairable, repair_prompt
from routing.verdict import CheckName, Failure

PROMPT = Prompt((Message("system", "Extract."), Message("user", "document")), {})
FAILED = Failure(CheckName.RULES, "total", "`total > 0`: it is not true")


@pytest.mark.parametrize(
    ("finish", "check", "may_help"),
    [
        (FinishReason.STOP, CheckName.PARSE, True),
        (FinishReason.STOP, CheckName.SCHEMA, True),
        (FinishReason.STOP, CheckName.GROUNDING, True),
        (FinishReason.STOP, CheckName.CONFIDENCE, False),
        (FinishReason.STOP, CheckName.AGREEMENT, False),
        (FinishReason.LENGTH, CheckName.PARSE, False),
        (FinishReason.REFUSAL, CheckName.PARSE, False),
    ],
)
def test_a_repair_is_for_what_a_model_can_mend(finish: FinishReason, check: CheckName, *, may_help: bool) -> None:
    """Not for an answer that was cut off or declined, nor for doubt."""
    assert is_repairable(finish, [Failure(check, "", "why")]) is may_help
    assert is_repairable(finish, [FAILED, Failure(check, "", "why")]) is may_help


def test_the_conversation_goes_on_from_the_answer() -> None:
    """What was sent before stays as it is, so that a provider's cache of it still holds."""
    asked = repair_prompt(PROMPT, '{"total": -1}', [FAILED, Failure(CheckName.PARSE, "", "no JSON")])
    assert asked.messages[:2] == PROMPT.messages
    answer, request = asked.messages[2:]
    assert (answer.role, answer.content, request.role) == ("assistant", '{"total": -1}', "user")
    assert "- `total`: `total > 0`: it is not true (rules)\n- no JSON (parse)\n" in request.content


def test_what_is_told_is_bounded() -> None:
    """A huge answer with a thousand failures makes no huge prompt."""
    asked = repair_prompt(PROMPT, "x" * 1_000_000, [FAILED] * 1000)
    answer, request = asked.messages[2:]
    assert (len(answer.content), request.content.count("- `total`")) == (MAX_ANSWER_CHARACTERS, MAX_FAILURES_TOLD)
