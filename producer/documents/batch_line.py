"""Lines of OpenAI batch files: `{custom_id, method, url, body}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from routing.json_value import JsonObject, JsonValue

_KEYS = frozenset({"custom_id", "method", "url", "body"})
_SYSTEM_ROLES = frozenset({"system", "developer"})


def is_batch_line(row: JsonObject) -> bool:
    """Return whether a row is a request of a batch file."""
    return row.keys() >= _KEYS


def read_batch_line(row: JsonObject) -> Extract:
    """Return the user's messages as text and the system's as metadata `system`; all else in it is ignored.

    Raises RefusedInputError where it is no chat completion, or holds other content than text.
    """
    body = row["body"]
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        raise _refused("it has no list at body.messages; only chat completions are read")
    spoken = [_spoken(message) for message in messages]
    system = "\n\n".join(content for role, content in spoken if role in _SYSTEM_ROLES)
    text = "\n\n".join(content for role, content in spoken if role == "user")
    return Extract(text, metadata={"system": system} if system else {})


def _spoken(message: JsonValue) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise _refused("a message of it has no role")
    role: str = message["role"]
    return role, _content(message.get("content")) if role == "user" or role in _SYSTEM_ROLES else ""


def _content(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _refused("a message of it has no content")
    return "\n\n".join(_part(part) for part in content)


def _part(part: JsonValue) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise _refused("a message of it holds other content than text; images and files are not read")
    return text


def _refused(reason: str) -> RefusedInputError:
    return RefusedInputError(RefusalCode.INVALID_ROW, reason)
