"""The two wire formats the loopback model server speaks: OpenAI's chat completions and Anthropic's messages."""

from __future__ import annotations

from typing import Any

import orjson

from evaluation.model_server.engine import EngineRequest
from routing.completion import Message

CHARACTERS_PER_TOKEN = 4


class BadRequestError(Exception):
    """A request this server cannot read."""


def tokens_asked(request: EngineRequest) -> int:
    """Return about how many tokens a conversation has."""
    return sum(tokens(message.content) for message in request.messages)


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


def write_chat(request: EngineRequest, asked: dict[str, Any], answer: str) -> bytes:
    """Return the answer as a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": answer}
    finish = "stop"
    if _forced_tool(asked):
        name = asked["tools"][0]["function"]["name"]
        call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": answer}}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    prompt_tokens = tokens_asked(request)
    completion_tokens = tokens(answer)
    return orjson.dumps(
        {
            "id": "chatcmpl-loopback",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
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


def write_messages(request: EngineRequest, asked: dict[str, Any], answer: str) -> bytes:
    """Return the answer as an Anthropic message."""
    content: list[dict[str, Any]] = [{"type": "text", "text": answer}]
    stop = "end_turn"
    if (asked.get("tool_choice") or {}).get("type") == "tool":
        try:
            given = orjson.loads(answer)
        except orjson.JSONDecodeError:
            given = None
        if isinstance(given, dict):
            content = [{"type": "tool_use", "id": "toolu_0", "name": asked["tools"][0]["name"], "input": given}]
            stop = "tool_use"
    return orjson.dumps(
        {
            "id": "msg_loopback",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": stop,
            "usage": {
                "input_tokens": tokens_asked(request),
                "output_tokens": tokens(answer),
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
