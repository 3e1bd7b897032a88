"""A document and what models answered about it, as a row that is both an input and a recording."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from evaluation.replay.recordings import part_key
from routing.decision import Cause
from storage.states import AttemptOutcome

if TYPE_CHECKING:
    from storage.recorded_calls import CalledItem, RecordedCall

KIND = "recording"
"""What a row of ours says it is, so that the intake reads it by these keys whatever a task's `input` section names."""
_STATUS = re.compile(r"status_(\d{3})")


def recording_row(item: CalledItem) -> dict[str, Any]:
    """Return the row of an item. Calls that brought no answer are left out, and so are models without any."""
    models: dict[str, dict[str, Any]] = {}
    asked_again: set[str] = set()
    for call in item.calls:
        recorded = models.setdefault(call.model, {})
        if call.outcome is AttemptOutcome.REFUSED:
            _refused(recorded, call)
        elif call.cause == Cause.JUDGE:
            recorded.setdefault("judged", _answer(call))
        elif call.fields:
            recorded.setdefault("parts", {}).setdefault(part_key(call.fields), _answer(call))
        elif call.cause != Cause.REPAIR and "text" in recorded:
            asked_again.add(call.model)  # from here on it is another conversation
        elif call.cause != Cause.REPAIR:
            recorded.pop("refused", None)
            recorded.update(_answer(call))
        elif "text" in recorded and call.model not in asked_again:
            recorded.setdefault("repairs", []).append(_answer(call))
    return {
        "kind": KIND,
        "custom_id": item.custom_id,
        "text": item.text,
        "pages": item.pages,
        "metadata": json.loads(item.metadata),
        "expected": None if item.expected is None else json.loads(item.expected),
        "models": {name: recorded for name, recorded in models.items() if recorded},
    }


def _refused(recorded: dict[str, Any], call: RecordedCall) -> None:
    status = _STATUS.fullmatch(call.trouble or "")
    if status and call.cause != Cause.JUDGE and "text" not in recorded:
        recorded["refused"] = int(status[1])


def _answer(call: RecordedCall) -> dict[str, Any]:
    told = {
        "text": call.answer or "",
        "finish_reason": call.finish_reason,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "confidence": call.confidence,
    }
    return {name: value for name, value in told.items() if value is not None}
