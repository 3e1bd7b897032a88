"""JSON that can be kept: no duplicate keys, no NaN or infinity, no number beyond 64 bits, no NUL, no lone surrogate.

What is read here is storable in PostgreSQL's jsonb and in SQLite, and means the same to every JSON reader.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.json_value import JsonObject, JsonValue

MAX_DEPTH = 64
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

_MAX_INTEGER_CHARS = 20  # a sign and the 19 digits of 2**63
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_KEY_END = re.compile(r'"\s*:')
_NUL_ESCAPE = "\\u0000"


class JsonSyntaxError(ValueError):
    """The text is not JSON."""


class UnstorableJsonError(ValueError):
    """The text is JSON, or nearly, and says what cannot be kept; the message tells it without quoting the text."""


def read_json(text: str) -> JsonValue:
    """Read one JSON value, and nothing else, from `text`.

    Raises JsonSyntaxError or UnstorableJsonError.
    """
    try:
        value: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _read_slowly(text)
    if _needs_a_closer_look(text, value):
        return _read_slowly(text)
    return value


def read_json_at(text: str, start: int, *, control_characters: bool = False) -> tuple[JsonValue, int]:
    """Read the JSON value that begins at `start`, and tell where it ends.

    `control_characters` admits raw line ends and tabs inside strings, which JSON forbids and models write.
    Raises JsonSyntaxError or UnstorableJsonError.
    """
    decoder = _LENIENT if control_characters else _STRICT
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg) from None
    except RecursionError:
        raise UnstorableJsonError(_TOO_DEEP) from None
    check_storable(value)
    return value, end


def check_storable(value: JsonValue) -> None:
    """Raise UnstorableJsonError where a database would refuse `value` or change it."""
    for depth, part in _walk(value):
        if depth > MAX_DEPTH:
            raise UnstorableJsonError(_TOO_DEEP)
        if isinstance(part, str):
            _check_text(part)
        elif isinstance(part, float):
            _check_finite(part)
        elif isinstance(part, int) and not MIN_INTEGER <= part <= MAX_INTEGER:
            raise UnstorableJsonError(_TOO_LARGE)


_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"
_TOO_LARGE = "it holds a number beyond 64 bits"


def _needs_a_closer_look(text: str, value: JsonValue) -> bool:
    """Whether orjson may have let something through: cheap tests that err only towards looking.

    Each member of an object has one colon outside of text, so that as many keys as colons leave none for a duplicate.
    """
    keys = count_keys(value)
    return (
        (text.count(":") != keys and count_written_keys(text) != keys)
        or _NUL_ESCAPE in text
        or text.count("[") + text.count("{") > MAX_DEPTH
        or _LONG_NUMBER.search(text) is not None
    )


def count_written_keys(text: str) -> int:
    """Count what looks like a key in quotes: at least as many as there are, because text may hold the like."""
    return len(_KEY_END.findall(text))


def count_keys(value: JsonValue) -> int:
    """Count the keys of all objects in a value."""
    keys = 0
    containers = [value]
    while containers:
        container = containers.pop()
        if isinstance(container, dict):
            keys += len(container)
            containers.extend(part for part in container.values() if isinstance(part, dict | list))
        elif isinstance(container, list):
            containers.extend(part for part in container if isinstance(part, dict | list))
    return keys


def _read_slowly(text: str) -> JsonValue:
    value, end = read_json_at(text, len(text) - len(text.lstrip()))
    if text[end:].strip():
        raise JsonSyntaxError("Extra data")
    return value


def _walk(value: JsonValue) -> Iterator[tuple[int, JsonValue]]:
    """Every value and key, with its depth, without recursion."""
    waiting = [(0, value)]
    while waiting:
        depth, part = waiting.pop()
        yield depth, part
        if isinstance(part, dict):
            waiting.extend((depth, key) for key in part)
            waiting.extend((depth + 1, inner) for inner in part.values())
        elif isinstance(part, list):
            waiting.extend((depth + 1, inner) for inner in part)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise UnstorableJsonError("it holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnstorableJsonError("it holds half of a surrogate pair") from None


def _check_finite(number: float) -> None:
    if not math.isfinite(number):
        raise UnstorableJsonError("it holds NaN, Infinity or a number too large for one")


def _unique_pairs(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnstorableJsonError("it gives a key twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_CHARS:
        raise UnstorableJsonError(_TOO_LARGE)
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    _check_finite(number)
    return number


def _decoder(*, strict: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique_pairs,
        parse_int=_integer,
        parse_float=_float,
        parse_constant=_float,  # NaN, Infinity and -Infinity, which float() knows
        strict=strict,
    )


_STRICT = _decoder(strict=True)
_LENIENT = _decoder(strict=False)
