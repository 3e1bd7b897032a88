"""A judge: a cheap model that is asked how likely the first tier is to pass a document, before it is asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.answer import parse_answer
from routing.completion import Message, Prompt
from routing.prediction import Prediction
from routing.templates import Template

if TYPE_CHECKING:
    from routing.completion import Completion
    from routing.decision import ThresholdSource
    from routing.json_value import JsonObject
    from routing.task import JudgeSpec

MAX_OUTPUT_TOKENS = 256
"""Enough for one number, and for a model that thinks a little before it."""
INSTRUCTIONS = (
    "A document will be given to a small language model, which extracts data from it; its answer is then checked"
    " strictly. Do not extract anything yourself. Judge how likely the small model's answer is to be right, from how"
    " clear, complete and regular the document is. Answer with one JSON object: `probability`, a number from 0 to 1."
)
_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"probability": {"type": "number", "description": "That the small model's answer is right, 0 to 1"}},
    "required": ["probability"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class JudgedThreshold:
    """The least probability that lets an item start cheap, and where it comes from."""

    value: float
    source: ThresholdSource


class Judge:
    """A compiled judge; `version` names its model and prompts. Raises UsageError where a template is wrong."""

    def __init__(self, spec: JudgeSpec, threshold: JudgedThreshold) -> None:
        self.model = spec.model
        self.threshold = threshold
        told = f"{spec.model}\0{spec.system}\0{spec.user}"
        digest = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
        self.version = f"judge:{digest[:12]}"
        self._system = Template(spec.system)
        self._user = Template(spec.user)

    def prompt(self, text: str, metadata: JsonObject, custom_id: str, pages: int | None) -> Prompt:
        """Return what the judge is asked about a document. Raises UsageError where it lacks what a template names."""
        variables = {"text": text, "metadata": metadata, "custom_id": custom_id, "pages": pages}
        system = Message("system", self._system.render(variables), stable=not self._system.variables)
        return Prompt((system, Message("user", self._user.render(variables))), _SCHEMA)

    def read(self, completion: Completion, first: Prediction | None = None) -> Prediction | None:
        """Return what the judge said, None where that is no probability.

        `first` is a trained classifier's prediction that was too close to call: its threshold holds, and is told.
        """
        answer = parse_answer(completion.text, completion.finish_reason).output or {}
        said = answer.get("probability")
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 1:
            return None
        if first is None:
            return Prediction(float(said), self.threshold.value, self.threshold.source, self.version)
        signals = {**first.signals, "trained_probability": first.probability}
        version = f"{first.version}+{self.version}"
        return Prediction(float(said), first.threshold, first.threshold_source, version, signals)


def is_close(trained: Prediction | None, band: float) -> bool:
    """Tell whether a trained classifier leaves a decision to the judge: it is too near its threshold, or not there."""
    return trained is None or abs(trained.probability - trained.threshold) <= band
