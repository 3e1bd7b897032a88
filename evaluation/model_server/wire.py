"""The two wire formats the loopback model server speaks: OpenAI's chat completions and Anthropic's messages."""

from __future__ import annotations

import math
from typing import Any

import orjson

from evaluation.model_server.engine import EngineAnswer, EngineRequest
from routing.completion import FinishReason, Message

CHARACTERS_PER_TOKEN = 4
LEAST_PROBABILITY = 1e-9
_CHAT_FINISH = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.REFUSAL: "content_filter",
    FinishReason.OTHER: "other",
}
_MESSAGES_STOP = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.REFUSAL: "refusal",
    FinishReason.OTHER: "other",
}


class BadRequestError(Exception):
    """A request this server cannot read."""


def tokens_asked(request: EngineRequest, answer: EngineAnswer) -> int:
    """Return how many tokens a conversation has: what is known of this call, else an estimate."""
    if answer.input_tokens is not None:
        return answer.input_tokens
    return sum(tokens(message.content) for message in request.messages)


def tokens_given(answer: EngineAnswer) -> int:
    """Return how many tokens an answer has: what is known, else an estimate."""
    return tokens(answer.text) if answer.output_tokens is None else answer.output_tokens


def tokens(text: str) -> int:
    """Return the estimated number of tokens of a text: its characters divided by four, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def read_chat(body: bytes) -> tuple[EngineRequest, dict[str, Any]]:
    """Read a chat completion request. Raises BadRequestError."""
    try:
        asked: dict[str, Any] = orjson.loads(body)
        messages = tuple(Message(part["role"], _text(part["content"])) for part in asked["messages"])
        shape = asked.get("response_format") or {}
        schema = (shape.get("json_schema") or {}).get("schema")
        if schema is None and _forced_tool(asked):
            schema = asked["tools"][0]["function"].get("parameters")
        return EngineRequest(asked["model"], messages, schema), asked
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadRequestError(f"not a chat completion request ({type(error).__name__})") from None


def write_chat(request: EngineRequest, asked: dict[str, Any], answer: EngineAnswer) -> bytes:
    """Return the answer as a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    finish = _CHAT_FINISH[answer.finish_reason]
    if _forced_tool(asked):
        name = asked["tools"][0]["function"]["name"]
        call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": answer.text}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        finish = "tool_calls" if finish == "stop" else finish
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish}
    if asked.get("logprobs") is True and answer.confidence is not None:
        logprob = math.log(max(answer.confidence, LEAST_PROBABILITY))
        choice["logprobs"] = {"content": [{"token": answer.text, "logprob": logprob}]}
    prompt_tokens, completion_tokens = tokens_asked(request, answer), tokens_given(answer)
    return orjson.dumps(
        {
            "id": "chatcmpl-loopback",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }
    )


def read_messages(body: bytes) -> tuple[EngineRequest, dict[str, Any]]:
    """Read an Anthropic messages request. Raises BadRequestError."""
    try:
        asked: dict[str, Any] = orjson.loads(body)
        turns = [Message(part["role"], _text(part["content"])) for part in asked["messages"]]
        if asked.get("system"):
            turns.insert(0, Message("system", _text(asked["system"])))
        tools = asked.get("tools") or []
        schema = tools[0].get("input_schema") if tools else None
        return EngineRequest(asked["model"], tuple(turns), schema), asked
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadRequestError(f"not a messages request ({type(error).__name__})") from None


def write_messages(request: EngineRequest, asked: dict[str, Any], answer: EngineAnswer) -> bytes:
    """Return the answer as an Anthropic message."""
    content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}]
    stop = _MESSAGES_STOP[answer.finish_reason]
    if (asked.get("tool_choice") or {}).get("type") == "tool":
        try:
            given = orjson.loads(answer.text)
        except orjson.JSONDecodeError:
            given = None
        if isinstance(given, dict):
            content = [{"type": "tool_use", "id": "toolu_0", "name": asked["tools"][0]["name"], "input": given}]
            stop = "tool_use" if stop == "end_turn" else stop
    return orjson.dumps(
        {
            "id": "msg_loopback",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": stop,
            "usage": {
                "input_tokens": tokens_asked(request, answer),
                "output_tokens": tokens_given(answer),
            },
        }
    )


def error_body(message: str, code: str) -> bytes:
    """Return an error in the form both providers' clients understand."""
    return orjson.dumps({"type": "error", "error": {"message": message, "type": code, "code": code}})


def _forced_tool(asked: dict[str, Any]) -> bool:
    return bool(asked.get("tools")) and isinstance(asked.get("tool_choice"), dict)


def _text(content: Any) -> str:  # noqa: ANN401 - read from the wire
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")
