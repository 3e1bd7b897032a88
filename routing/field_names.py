"""Which fields a JSON Schema describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.field_path import ANY_KEY, EACH, format_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.json_value import JsonObject, JsonValue

_MAX_STEPS = 8  # a schema that refers to itself has endless paths
_COMBINATIONS = ("anyOf", "oneOf", "allOf", "prefixItems")


def field_names(json_schema: JsonObject) -> frozenset[str]:
    """Return the path of every field an output of this schema may have: `lines`, `lines[*]`, `lines[*].amount`.

    Where an object's keys are left open, `*` stands for them (`labels.*`). Only references within the schema are
    followed, and paths end after eight steps.
    """
    return frozenset(format_path(steps) for steps in _walk(json_schema, json_schema, (), ()) if steps)


def _walk(
    schema: JsonValue, root: JsonObject, steps: tuple[str, ...], seen: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    if not isinstance(schema, dict) or len(steps) > _MAX_STEPS:
        return
    yield steps
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        yield from _walk(_resolve(reference, root), root, steps, (*seen, reference))
    for keyword in _COMBINATIONS:
        parts = schema.get(keyword)
        inner = (*steps, EACH) if keyword == "prefixItems" else steps
        for part in parts if isinstance(parts, list) else ():
            yield from _walk(part, root, inner, seen)
    yield from _walk_members(schema, root, steps)


def _walk_members(schema: JsonObject, root: JsonObject, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Walk into the members, one step further, so that a reference to an outer object may be followed again."""
    properties = schema.get("properties")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        yield from _walk(member, root, (*steps, name), ())
    if _leaves_keys_open(schema):
        yield (*steps, ANY_KEY)
    yield from _walk(schema.get("items"), root, (*steps, EACH), ())


def _leaves_keys_open(schema: JsonObject) -> bool:
    """Whether keys beyond the listed ones are part of the design, rather than merely not forbidden."""
    if schema.get("patternProperties") or isinstance(schema.get("additionalProperties"), dict):
        return True
    return schema.get("type") == "object" and not schema.get("properties")


def _resolve(reference: str, root: JsonObject) -> JsonValue:
    if not reference.startswith("#"):
        return None
    target: JsonValue = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    return target
