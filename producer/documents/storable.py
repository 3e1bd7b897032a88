"""What every database takes: Unicode without NUL and lone surrogates, nested within reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.json_value import JsonValue

MAX_ID_CHARS = 256
MAX_DEPTH = 64  # orjson writes 254 levels at most, and a document's labels need a handful

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def id_problem(custom_id: str) -> str | None:
    """Return why a custom_id cannot be used, None where it can."""
    if not custom_id or custom_id.isspace():
        return "its custom_id is blank"
    if len(custom_id) > MAX_ID_CHARS:
        return f"its custom_id has {len(custom_id)} characters; {MAX_ID_CHARS} are allowed"
    if not (custom_id.isascii() and custom_id.isprintable()) and _CONTROL.search(custom_id):
        return "its custom_id holds control characters or bytes that are not Unicode"
    return None


def text_problem(text: str) -> str | None:
    """Return why a text cannot be stored, None where it can."""
    if "\0" in text:
        return "it holds NUL characters; remove them, or save the file as UTF-8 where it is UTF-16"
    if not text.isascii() and _NOT_STORABLE.search(text):
        return "it holds characters that are not Unicode (lone surrogates, or bytes in another encoding)"
    return None


def value_problem(value: JsonValue) -> str | None:
    """Return why a JSON value cannot be stored, None where it can. Does not recurse: nesting is hostile."""
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        following: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                if problem := text_problem(item):
                    return problem
            elif isinstance(item, dict):
                following += item.keys()
                following += item.values()
            elif isinstance(item, list):
                following += item
        if not following:
            return None
        level = following
    return f"it is nested deeper than {MAX_DEPTH} levels"
