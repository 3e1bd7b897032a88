"""Reading a refused call: a passing trouble, a form the model does not take, or a call that can never succeed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from gateway.providers.provider import Manner, Shape
from routing.errors import CallRefusedError, ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.transport import HttpAnswer
    from routing.deployment import ModelSpec

_REQUEST_TIMEOUT, _CONFLICT, _TOO_EARLY, _TOO_MANY = 408, 409, 425, 429
_OVERLOADED_FROM = 500
_FORM_STATUSES = frozenset({400, 404, 415, 422, 501})
_CODE = re.compile(r"[a-zA-Z0-9_.\-]{1,64}")
_MOST_OF_BODY = 4096
_LEAST_OF_WORD = 8
"""Letters of a header's word within a code that are no accident."""
_MOVED = "The address has moved, and keys are not sent after it: correct `base_url` of `models.{name}`."
_LONG_DOCUMENT = "The document is too long for this model."
_ABOUT_SHAPE = {
    Shape.JSON_SCHEMA: ("response_format", "json_schema", "json schema", "schema", "strict"),
    Shape.TOOL: ("tool", "function", "input_schema"),
    Shape.JSON: ("response_format", "json_object"),
    Shape.TEXT: (),
}
_PAYMENT_REQUIRED = 402
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""What OpenAI calls an account without money, with status 429 (its guide to error codes)."""
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_REMEDIES = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    400: "`cheapfirst check` tells whether this model takes any call of ours.",
    401: "Set {variable} to a valid key.",
    402: "The account has no credit.",
    403: "The key in {variable} may not use this model.",
    404: "Check `model` and `base_url` of `models.{name}`.",
    405: "Check `base_url` of `models.{name}`.",
    413: _LONG_DOCUMENT,
    422: "`cheapfirst check` tells whether this model takes any call of ours.",
}


def trouble_of(answer: HttpAnswer, retry_after_s: float) -> ProviderTroubleError | None:
    """Return the passing trouble a status stands for, None where it is something else."""
    if answer.status == _TOO_MANY:
        if _code(answer.body) in _NO_CREDIT:
            return None  # waiting brings no money
        return ProviderTroubleError("The provider limits the rate (429).", Trouble.RATE_LIMITED, retry_after_s)
    if answer.status >= _OVERLOADED_FROM and answer.status not in _FORM_STATUSES:
        return ProviderTroubleError(f"The provider has trouble ({answer.status}).", Trouble.OVERLOADED, retry_after_s)
    if answer.status in {_REQUEST_TIMEOUT, _CONFLICT, _TOO_EARLY}:
        return ProviderTroubleError(f"Not now ({answer.status}).", Trouble.OVERLOADED, retry_after_s)
    return None


def step_down(answer: HttpAnswer, manner: Manner, shapes: Sequence[Shape]) -> Manner | None:
    """Return the manner to try next where the refusal speaks of this one, None where it does not."""
    # A provider that counts the schema into what is too long says so, though no other form would be short enough.
    if answer.status not in _FORM_STATUSES or _code(answer.body) in _TOO_LONG:
        return None
    said = answer.body[:_MOST_OF_BODY].decode("utf-8", "replace").lower()
    if manner.send_logprobs and "logprobs" in said:
        return replace(manner, send_logprobs=False)
    if manner.send_temperature and "temperature" in said:
        return replace(manner, send_temperature=False)
    if not manner.token_field_told and "max_completion_tokens" in said:
        return replace(manner, old_token_field=not manner.old_token_field, token_field_told=True)
    following = shapes[shapes.index(manner.shape) + 1 :] if manner.shape in shapes else ()
    if following and any(word in said for word in _ABOUT_SHAPE[manner.shape]):
        return replace(manner, shape=following[0])
    return None


def refusal_of(
    answer: HttpAnswer, spec: ModelSpec, headers: Iterable[str] = (), messages: Iterable[str] = ()
) -> CallRefusedError:
    """Return the error for a call that can never succeed. Of the provider's own words, only its code is told.

    Nor that where it gives back what it was sent: a value of our headers, the key among them, or part of the messages.
    An account without credit is status 402, whatever the provider calls it.
    """
    code = _code(answer.body)
    shown = "" if _is_echo(code.casefold(), headers, messages) else code
    told = f"Model `{spec.name}` ({spec.provider}: {spec.model}) refused the call with status {answer.status}"
    status = _PAYMENT_REQUIRED if code in _NO_CREDIT else answer.status
    remedy = (_LONG_DOCUMENT if code in _TOO_LONG else _REMEDIES.get(status, "")).format(
        variable=spec.api_key_variable or "the key's variable", name=spec.name
    )
    return CallRefusedError(f"{told}{f' ({shown})' if shown else ''}. {remedy}".rstrip(), status)


def _is_echo(code: str, headers: Iterable[str], messages: Iterable[str]) -> bool:
    """Tell whether a code is part of what was sent, or holds a word of a header."""
    told = [value.casefold() for value in headers]
    if any(code in value for value in told) or any(code in message.casefold() for message in messages):
        return True
    return any(len(word) >= _LEAST_OF_WORD and word in code for value in told for word in value.split())


def _code(body: bytes) -> str:
    """Return the provider's short code for an error. Its message may quote the prompt, so that is never read."""
    try:
        error = orjson.loads(body)["error"]
        code = error.get("code") or error.get("type") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError):
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
