"""How large the schema of a task may be: it is looked through many times, and goes along with every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.errors import InvalidFileError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.json_value import JsonObject, JsonValue

MOST_PARTS = 1_500
"""Objects and lists, each field at least one. What loading them takes is in docs/task-file.md."""
MOST_VALUES = 10_000
"""In all of these together, the elements of enums among them."""
LONGEST_NAME = 1_000
"""Characters of a field's name, a reference or a pattern."""
_NAMES = ("$ref", "$dynamicRef", "pattern")


def require_usual_size(json_schema: JsonObject, file: str) -> None:
    """Raise InvalidFileError where a schema is too large to be worked with."""
    values = 0
    for number, part in enumerate(parts_of(json_schema), 1):
        values += len(part)
        if number > MOST_PARTS:
            raise _too_large(f"it has more than {MOST_PARTS} objects and lists", file)
        if values > MOST_VALUES:
            raise _too_large(f"it has more than {MOST_VALUES} values", file)
        if isinstance(part, dict) and any(len(name) > LONGEST_NAME for name in _names(part)):
            raise _too_large(f"a name, reference or pattern has more than {LONGEST_NAME} characters", file)


def parts_of(json_schema: JsonObject) -> Iterator[JsonObject | list[JsonValue]]:
    """Yield every object and list of a schema, itself first."""
    waiting: list[JsonValue] = [json_schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list):
            yield part
            waiting.extend(part.values() if isinstance(part, dict) else part)


def _names(part: JsonObject) -> Iterator[str]:
    yield from part
    for key in _NAMES:
        name = part.get(key)
        if isinstance(name, str):
            yield name


def _too_large(what: str, file: str) -> InvalidFileError:
    told = f"the schema is too large: {what}"
    return InvalidFileError([Problem(file, 0, 0, told, "ask for less at once, in several tasks")])
