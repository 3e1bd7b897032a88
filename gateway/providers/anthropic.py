"""Anthropic's messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from gateway.providers.provider import Call, Manner, Reply, Shape
from gateway.providers.schema_instruction import with_schema_told
from gateway.providers.token_counts import token_usage
from gateway.providers.wire_json import read_json
from routing.completion import FinishReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from routing.completion import Message, TokenUsage

_VERSION = "2023-06-01"
_FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSAL,
}
_ANSWER = "answer"
MIN_CACHED_CHARACTERS = 4 * 1024
"""Most models cache 1,024 tokens and more, of about four characters; from shorter texts there is nothing to keep."""


class AnthropicProvider:
    """Writes and reads `POST /messages`. The form of an answer is asked for with a tool; there are no logprobs."""

    default_base_url = "https://api.anthropic.com/v1"
    shapes = (Shape.TOOL, Shape.TEXT)

    def url(self, base_url: str) -> str:
        """Return where calls go."""
        return f"{base_url.rstrip('/')}/messages"

    def uses_old_token_field(self, base_url: str) -> bool:  # noqa: ARG002 - the same everywhere
        """Anthropic knows `max_tokens` only."""
        return True

    def headers(self, key: SecretStr | None) -> Mapping[str, str]:
        """Return the headers of every call with this key."""
        headers = {"content-type": "application/json", "accept": "application/json", "anthropic-version": _VERSION}
        return headers if key is None else headers | {"x-api-key": key.get_secret_value()}

    def body(self, call: Call, manner: Manner) -> bytes:
        """Return a call as it goes over the wire."""
        messages = call.prompt.messages if manner.shape is Shape.TOOL else with_schema_told(call.prompt)
        body: dict[str, Any] = {
            "model": call.model,
            "max_tokens": call.max_output_tokens,
            "messages": [
                {"role": message.role, "content": message.content} for message in messages if message.role != "system"
            ],
        }
        if call.temperature is not None and manner.send_temperature:
            body["temperature"] = call.temperature
        if manner.shape is Shape.TOOL:
            body["tools"] = [{"name": _ANSWER, "description": "Give the answer.", "input_schema": call.prompt.schema}]
            body["tool_choice"] = {"type": "tool", "name": _ANSWER}
        turns = [message for message in messages if message.role == "system"]
        if turns:
            body["system"] = _system(turns)
        return orjson.dumps(body)

    def read(self, body: bytes) -> Reply:
        """Read an answer of status 200."""
        answer = read_json(body)
        return Reply(
            text=_text(answer["content"]),
            finish_reason=_FINISH.get(answer.get("stop_reason") or "end_turn", FinishReason.OTHER),
            usage=_usage(answer.get("usage")),
        )


def _system(turns: Sequence[Message]) -> str | list[dict[str, Any]]:
    text = "\n\n".join(turn.content for turn in turns)
    if len(text) < MIN_CACHED_CHARACTERS or not all(turn.stable for turn in turns):
        return text
    # Everything up to the mark is kept, which are the tools and this. Writing costs more than plain input: a text that
    # differs with each document would be paid for and never read again.
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _text(content: Sequence[Mapping[str, Any]]) -> str:
    for block in content:
        if block["type"] == "tool_use":
            return json.dumps(block["input"])  # escapes what UTF-8 cannot carry
    return "".join(str(block["text"]) for block in content if block["type"] == "text")


def _usage(usage: Any) -> TokenUsage | None:  # noqa: ANN401 - read from the wire
    if not isinstance(usage, dict):
        return None
    # Anthropic counts what it read from and wrote to its cache apart from `input_tokens`.
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    try:
        total = usage["input_tokens"] + cached + written
    except (KeyError, TypeError):
        return None
    return token_usage(total, usage.get("output_tokens"), cached, written)
