from __future__ import annotations

import json
import math
from typing import Any

import pytest

from routing.answer import ParsedAnswer, parse_answer
from routing.checks.check import CheckResult, Evidence
from routing.checks.confidence import LogprobsCheck, SelfReportCheck, schema_with_confidence, without_confidence
from routing.completion import Completion, FinishReason, TokenLogprob, TokenUsage
from routing.grounding.source_text import SourceText
from routing.verdict import CheckName, Failure

TOKENS = [
    ('{"', 0.1),
    ("company", 0.1),
    ('": "', 0.9),
    ("AC", 0.95),
    ("ME", 0.7),
    ('", "', 0.9),
    ("lines", 0.2),
    ('": [', 0.2),
    ('{"a": ', 0.3),
    ("9", 0.99),
    (".5", 0.6),
    ("}, ", 0.1),
    ("null", 0.9),
    ("]}", 0.1),
]


def evidence(tokens: list[tuple[str, float]], text: str = "", parsed: ParsedAnswer | None = None) -> Evidence:
    """Make an answer of tokens with their probabilities."""
    text = text or "".join(token for token, _ in tokens)
    logprobs = tuple(TokenLogprob(token, math.log(probability)) for token, probability in tokens)
    completion = Completion(text, FinishReason.STOP, TokenUsage(1, 1), "small", 1.0, logprobs=logprobs or None)
    answer = parsed or parse_answer(text, FinishReason.STOP)
    return Evidence(answer.output or {}, answer, completion, SourceText(""))


def reported(output: dict[str, Any]) -> CheckResult:
    """Check an answer's own word against 0.8."""
    answer = parse_answer(json.dumps(output), FinishReason.STOP)
    completion = Completion("", FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
    return SelfReportCheck(0.8).check(Evidence({}, answer, completion, SourceText("")))


def test_a_value_is_as_sure_as_its_least_probable_token() -> None:
    """Keys and punctuation do not count, however doubtful; a value's quotes do."""
    result = LogprobsCheck(0.65).check(evidence(TOKENS))
    assert result.failures == (
        Failure(CheckName.CONFIDENCE, "lines[0].a", "a token has probability 0.600, less than 0.65"),
    )
    assert result.confidence == pytest.approx(0.6)


def test_sure_values_pass() -> None:
    """The confidence is kept even where nothing fails."""
    result = LogprobsCheck(0.6).check(evidence(TOKENS))
    assert (result.failures, result.confidence) == ((), pytest.approx(0.6))


def test_values_are_placed_within_fences() -> None:
    """The JSON need not begin the answer."""
    result = LogprobsCheck(0.65).check(evidence([("```json\n", 0.01), *TOKENS, ("\n```", 0.01)]))
    assert [failure.field for failure in result.failures] == ["lines[0].a"]


@pytest.mark.parametrize(
    ("tokens", "text", "parsed"),
    [
        (TOKENS, "", ParsedAnswer({"a": 1}, repaired=True)),
        (TOKENS, '{"a": 1}', None),
        ([("{", 0.1), ("}", 0.9)], "", None),
    ],
)
def test_all_tokens_count_where_values_cannot_be_placed(
    tokens: list[tuple[str, float]], text: str, parsed: ParsedAnswer | None
) -> None:
    """A repaired answer, tokens of another text, and an object without values."""
    result = LogprobsCheck(0.5).check(evidence(tokens, text, parsed))
    assert result.failures == (Failure(CheckName.CONFIDENCE, "", "a token has probability 0.100, less than 0.5"),)


def test_an_answer_without_probabilities_is_refused() -> None:
    """A check that cannot be made is not passed; the reason says what to do."""
    (failure,) = LogprobsCheck(0.5).check(evidence([], '{"a": 1}')).failures
    assert "self_report" in failure.reason


def test_a_probability_is_never_above_1() -> None:
    """Rounding at the provider is not more than certainty."""
    completion = Completion(
        "{}", FinishReason.STOP, TokenUsage(1, 1), "small", 1.0, logprobs=(TokenLogprob("{}", 0.001),)
    )
    result = LogprobsCheck(1.0).check(Evidence({}, ParsedAnswer({}, start=0), completion, SourceText("")))
    assert result == CheckResult(confidence=1.0)


@pytest.mark.parametrize("said", [0.8, 1, 1.0])
def test_a_sure_report_passes(said: float) -> None:
    """The bound itself is enough."""
    assert reported({"confidence": said}) == CheckResult(confidence=said)


def test_an_unsure_report_fails() -> None:
    """The model's own doubt is taken at its word."""
    result = reported({"confidence": 0.5})
    assert result.failures == (Failure(CheckName.CONFIDENCE, "", "the model says it is 0.500 sure, less than 0.8"),)
    assert result.confidence == 0.5


@pytest.mark.parametrize("output", [{}, {"confidence": True}, {"confidence": "0.9"}, {"confidence": 95}])
def test_a_report_that_is_no_probability_fails(output: dict[str, Any]) -> None:
    """Missing, a word, and a per cent are not guessed at."""
    (failure,) = reported(output).failures
    assert failure.reason == "the answer's `confidence` is missing, or is no number from 0 to 1"


def test_an_answer_without_an_object_reports_nothing() -> None:
    """The check stands on its own, whatever was read before it."""
    completion = Completion("", FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
    assert SelfReportCheck(0.8).check(Evidence({}, ParsedAnswer(None), completion, SourceText(""))).failures


@pytest.mark.parametrize("schema", [{}, {"properties": {"a": {}}, "required": ["a"], "additionalProperties": False}])
def test_confidence_is_asked_for_and_taken_out_again(schema: dict[str, Any]) -> None:
    """The task's own schema never sees it."""
    asked = schema_with_confidence(schema)
    properties, required = asked["properties"], asked["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    assert list(properties) == [*schema.get("properties", {}), "confidence"]
    assert required == [*schema.get("required", []), "confidence"]
    assert without_confidence({"a": 1, "confidence": 1}, schema) == {"a": 1}


def test_a_schema_s_own_confidence_is_left_alone() -> None:
    """It is one of the task's fields."""
    schema = {"properties": {"confidence": {"type": "number"}}}
    assert schema_with_confidence(schema) == schema
    assert without_confidence({"confidence": 1}, schema) == {"confidence": 1}
