"""What a refused call means: trouble that passes, another form, or the end."""

from __future__ import annotations

import json

import pytest

from gateway.providers.provider import Manner, Shape
from gateway.refusals import refusal_of, step_down, trouble_of
from gateway.transport import HttpAnswer
from routing.deployment import ModelSpec

SPEC = ModelSpec(name="small", provider="openai", model="m", api_key_variable="KEY")


def _answer(status: int, code: str = "", message: str = "") -> HttpAnswer:
    return HttpAnswer(status, {}, json.dumps({"error": {"code": code, "message": message}}).encode())


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_account_without_credit_is_no_rate_limit(code: str) -> None:
    """Waiting brings no money: the job stops as it does for 402."""
    answer = _answer(429, code)
    assert trouble_of(answer, 0) is None
    error = refusal_of(answer, SPEC)
    assert error.status == 402
    assert "no credit" in str(error)


def test_any_other_429_passes() -> None:
    """It is waited for."""
    assert trouble_of(_answer(429, "rate_limit_exceeded"), 3) is not None


@pytest.mark.parametrize(
    "code", ["sk-secret-4711", "SK-SECRET-4711", "secret-4711", "bad_sk-secret-4711", "Schmidt-Meier"]
)
@pytest.mark.parametrize("place", ["code", "type"])
def test_a_code_that_gives_back_what_was_sent_is_not_told(code: str, place: str) -> None:
    """Some providers put the key they refuse, or a word of the document, where others put a code."""
    answer = HttpAnswer(400, {}, json.dumps({"error": {place: code}}).encode())
    headers, messages = ["application/json", "Bearer sk-secret-4711"], ["To: Schmidt-Meier, a model"]
    assert code.casefold() not in str(refusal_of(answer, SPEC, headers, messages)).casefold()


@pytest.mark.parametrize("code", ["model_not_found", "invalid_request_error", "DeploymentNotFound", "1100"])
def test_any_other_code_is_told(code: str) -> None:
    """Words that any document holds hide none."""
    headers, messages = ["application/json", "Bearer sk-secret-4711"], ["not found: a model, a request. No. 110"]
    assert f"({code})" in str(refusal_of(_answer(400, code), SPEC, headers, messages))


def test_the_field_for_tokens_changes_once() -> None:
    """A server that refuses both is not asked for ever."""
    said = _answer(400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    manner = step_down(said, Manner(Shape.TEXT, old_token_field=True), (Shape.TEXT,))
    assert manner == Manner(Shape.TEXT, old_token_field=False, token_field_told=True)
    assert step_down(said, manner, (Shape.TEXT,)) is None
