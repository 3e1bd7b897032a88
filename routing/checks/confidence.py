"""The model is sure of what it says: by the probabilities of its tokens, or by its own word."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeGuard

from routing.checks.check import CheckResult
from routing.checks.value_places import value_places
from routing.field_names import field_names
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.answer import ParsedAnswer
    from routing.checks.check import Evidence
    from routing.completion import TokenLogprob
    from routing.json_value import JsonObject, JsonValue

CONFIDENCE_KEY = "confidence"


@dataclass(frozen=True, slots=True)
class LogprobsCheck:
    """Refuses a value whose least probable token is less probable than `min_probability`.

    Only the tokens of values count: those of keys and punctuation are nearly certain, and would hide a doubtful digit
    in any mean. One wrong token makes a value wrong, so the least one decides; quantiles near it were the better
    signals for deferring in Gupta et al., "Language Model Cascades: Token-Level Uncertainty and Beyond" (ICLR 2024).
    Where the answer was repaired, or the tokens do not add up to its text, all tokens count. An answer without
    probabilities is refused.
    """

    min_probability: float

    def check(self, evidence: Evidence) -> CheckResult:
        """Look up the least probable token of each value."""
        tokens = evidence.completion.logprobs
        if not tokens:
            reason = "the provider sent no token probabilities; use `from: self_report`, or another model"
            return CheckResult((_failure("", reason),))
        least = _least_confidence(evidence, self.min_probability)
        probabilities = _by_value(tokens, evidence.completion.text, evidence.answer) or {"": _least(tokens)}
        failures = tuple(
            _failure(path, f"a token has probability {probability:.3f}, less than {least}")
            for path, probability in probabilities.items()
            if probability < least
        )
        return CheckResult(failures, confidence=min(probabilities.values()))


@dataclass(frozen=True, slots=True)
class SelfReportCheck:
    """Refuses an answer of which the model itself says it is less than `min_probability` sure.

    Models are asked for it by `schema_with_confidence`; most say they are surer than they are.
    """

    min_probability: float

    def check(self, evidence: Evidence) -> CheckResult:
        """Read what the model said."""
        output = evidence.answer.output
        said = output.get(CONFIDENCE_KEY) if output is not None else None
        if not _is_probability(said):
            reason = f"the answer's `{CONFIDENCE_KEY}` is missing, or is no number from 0 to 1"
            return CheckResult((_failure("", reason),))
        least = _least_confidence(evidence, self.min_probability)
        if said < least:
            reason = f"the model says it is {said:.3f} sure, less than {least}"
            return CheckResult((_failure("", reason),), confidence=float(said))
        return CheckResult(confidence=float(said))


def schema_with_confidence(json_schema: JsonObject) -> JsonObject:
    """Return a schema that also asks for `confidence`; a schema that has a field of this name stays as it is."""
    properties, required = json_schema.get("properties"), json_schema.get("required")
    properties = properties if isinstance(properties, dict) else {}
    if _has_confidence(json_schema):
        return json_schema
    return {
        **json_schema,
        "properties": {**properties, CONFIDENCE_KEY: _CONFIDENCE_SCHEMA},
        "required": [*(required if isinstance(required, list) else ()), CONFIDENCE_KEY],
    }


def without_confidence(output: JsonObject, json_schema: JsonObject) -> JsonObject:
    """Take out the `confidence` that `schema_with_confidence` asked for, and leave one the task's own schema has."""
    if _has_confidence(json_schema):
        return output
    return {key: value for key, value in output.items() if key != CONFIDENCE_KEY}


def _least_confidence(evidence: Evidence, own: float) -> float:
    return own if evidence.least_confidence is None else evidence.least_confidence


def _has_confidence(json_schema: JsonObject) -> bool:
    return CONFIDENCE_KEY in field_names(json_schema)


_CONFIDENCE_SCHEMA: JsonObject = {
    "type": "number",
    "minimum": 0,
    "maximum": 1,
    "description": "The probability, from 0 to 1, that every other value of this object is right.",
}


def _failure(field: str, reason: str) -> Failure:
    return Failure(CheckName.CONFIDENCE, field, reason)


def _is_probability(said: JsonValue) -> TypeGuard[int | float]:
    return isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= 1


def _by_value(tokens: Sequence[TokenLogprob], text: str, answer: ParsedAnswer) -> dict[str, float]:
    """Map each value's path to the probability of its least probable token; empty where values cannot be placed."""
    if answer.start is None or "".join(token.token for token in tokens) != text:
        return {}
    ends = list(accumulate(len(token.token) for token in tokens))
    least: dict[str, float] = {}
    for path, start, end in value_places(text, answer.start):
        first, last = bisect_right(ends, start), bisect_left(ends, end)
        least[path] = _least(tokens[first : last + 1])
    return least


def _least(tokens: Sequence[TokenLogprob]) -> float:
    """Return the least probability. Providers round, and a few send logarithms a little above 0."""
    return math.exp(min(0.0, *(token.logprob for token in tokens)))
