"""Which fields a JSON Schema describes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from routing.field_path import ANY_KEY, EACH, format_path, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.json_value import JsonObject, JsonValue

MAX_PLACES = 5_000
"""A schema that refers to itself has endless paths, and two references to itself more of them than can be counted."""
_MAX_STEPS = 8
_COMBINATIONS = ("anyOf", "oneOf", "allOf", "prefixItems")

_Place: TypeAlias = "tuple[tuple[str, ...], JsonValue]"
"""A part of the schema, and the steps to the values it describes."""


def field_names(json_schema: JsonObject) -> frozenset[str]:
    """Return the path of every field an output of this schema may have: `lines`, `lines[*]`, `lines[*].amount`.

    Where an object's keys are left open, `*` stands for them (`labels.*`). Only references within the schema are
    followed. Paths end after eight steps; of a schema without end the shorter ones are found. A key that no path can
    write (`a[b`) is left out, with what is below it.
    """
    found: dict[tuple[str, ...], None] = {}
    looked_at: set[tuple[tuple[str, ...], int]] = set()
    waiting: deque[_Place] = deque([((), json_schema)])
    while waiting and len(looked_at) < MAX_PLACES:
        steps, schema = waiting.popleft()
        if not isinstance(schema, dict) or len(steps) > _MAX_STEPS or (steps, id(schema)) in looked_at:
            continue
        looked_at.add((steps, id(schema)))
        found[steps] = None
        if _leaves_keys_open(schema):
            found[*steps, ANY_KEY] = None
        waiting.extend(_inside(steps, schema, json_schema))
    return frozenset(format_path(steps) for steps in found if steps)


def _inside(steps: tuple[str, ...], schema: JsonObject, root: JsonObject) -> Iterator[_Place]:
    """Yield the parts that say more of the same value, and those of its members."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield steps, resolve(reference, root)
    for keyword in _COMBINATIONS:
        parts = schema.get(keyword)
        inner = (*steps, EACH) if keyword == "prefixItems" else steps
        for part in parts if isinstance(parts, list) else ():
            yield inner, part
    properties = schema.get("properties")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        if is_name(name):
            yield (*steps, name), member
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and is_name(name):
            yield (*steps, name), {}
    yield (*steps, EACH), schema.get("items")


def _leaves_keys_open(schema: JsonObject) -> bool:
    """Whether keys beyond the listed ones are part of the design, rather than merely not forbidden."""
    if schema.get("patternProperties") or isinstance(schema.get("additionalProperties"), dict):
        return True
    return schema.get("type") == "object" and not schema.get("properties")


def resolve(reference: str, root: JsonObject) -> JsonValue:
    """Return the part of a schema that a reference within it names; None where it names none."""
    if not reference.startswith("#"):
        return None
    target: JsonValue = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    return target
