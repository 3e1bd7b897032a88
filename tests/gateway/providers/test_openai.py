"""OpenAI's wire format, and what its many relatives make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers.openai import OpenAiProvider
from gateway.providers.provider import Call, Manner, Shape
from routing.completion import FinishReason, Message, Prompt

PROVIDER = OpenAiProvider()
CALL = Call("m", Prompt((Message("user", "text"),), {"type": "object"}), 50, 0.0, logprobs=False)


def _reply(message: dict[str, Any], finish: str = "stop") -> str:
    reply = PROVIDER.read(json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode())
    return reply.text


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://example.com/api.openai.com/v1", "max_tokens"),
    ],
)
def test_the_cap_on_an_answer_is_told_in_the_words_a_server_knows(address: str, field: str) -> None:
    """Compatible servers may ignore OpenAI's newer field, and a budget's bound with it."""
    manner = Manner(Shape.TEXT, old_token_field=PROVIDER.uses_old_token_field(address))
    body = json.loads(PROVIDER.body(CALL, manner))
    assert body[field] == 50
    assert len({"max_tokens", "max_completion_tokens"} & set(body)) == 1


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "{}"}, "{}"),
        ({"content": None}, ""),
        ({"content": [{"type": "text", "text": '{"a"'}, {"type": "text", "text": ": 1}"}]}, '{"a": 1}'),
        ({"content": [{"type": "reasoning", "text": "hm"}, {"text": "{}"}]}, "{}"),
        ({"tool_calls": [{"function": {"name": "answer", "arguments": '{"a": 1}'}}]}, '{"a": 1}'),
        ({"tool_calls": [{"function": {"name": "answer", "arguments": {"a": 1}}}]}, '{"a": 1}'),
        ({"tool_calls": [{"function": {"name": "answer"}}]}, ""),
        ({"tool_calls": [{"function": {"name": "answer", "arguments": ""}}], "content": "{}"}, "{}"),
    ],
)
def test_an_answer_is_read_in_every_form_it_comes_in(message: dict[str, Any], text: str) -> None:
    """An odd but complete answer is an answer: it was paid for, and would be the same the next time."""
    assert _reply(message) == text


@pytest.mark.parametrize("content", [[{"type": "text", "text": 1}], [{"type": "text"}], 7, [None]])
def test_content_that_is_no_text_is_told_as_it_came(content: object) -> None:
    """It was paid for and would be the same the next time: the checks judge it, nobody asks again."""
    assert json.loads(_reply({"content": content})) == content


def test_cached_tokens_are_counted_as_such() -> None:
    """They are priced lower."""
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 80}}
    body = {"choices": [{"message": {"content": "{}"}, "finish_reason": "length"}], "usage": usage}
    reply = PROVIDER.read(json.dumps(body).encode())
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cached_input, reply.finish_reason) == (100, 80, FinishReason.LENGTH)
