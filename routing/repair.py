"""Asking the same tier again, with what was wrong: never a blind repeat."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from routing.completion import FinishReason, Message
from routing.verdict import CheckName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.completion import Prompt
    from routing.verdict import Failure

MAX_ANSWER_CHARACTERS = 20_000
MAX_FAILURES_TOLD = 20
_REPAIRABLE = frozenset({CheckName.PARSE, CheckName.SCHEMA, CheckName.RULES, CheckName.GROUNDING, CheckName.LENGTH})
"""What a model can mend once it is told; that it was unsure, or that another model differs, it cannot."""


def is_repairable(finish_reason: FinishReason, failures: Sequence[Failure]) -> bool:
    """Tell whether a repair may help: not where the model was cut off or declined, or is merely unsure."""
    return finish_reason is FinishReason.STOP and all(failure.check in _REPAIRABLE for failure in failures)


def repair_prompt(prompt: Prompt, answer: str, failures: Sequence[Failure]) -> Prompt:
    """Return the conversation that goes on from an answer: each failed check told, the whole object asked again."""
    told = "\n".join(_line(failure) for failure in failures[:MAX_FAILURES_TOLD])
    request = (
        f"Your answer was checked, and this is wrong with it:\n{told}\n"
        "Read the document again and answer once more with the whole JSON object. Correct what is wrong, keep the rest,"
        " and do not invent a value that the document does not hold."
    )
    turns = (Message("assistant", answer[:MAX_ANSWER_CHARACTERS]), Message("user", request))
    return dataclasses.replace(prompt, messages=(*prompt.messages, *turns))


def _line(failure: Failure) -> str:
    place = f"`{failure.field}`: " if failure.field else ""
    return f"- {place}{failure.reason} ({failure.check})"
