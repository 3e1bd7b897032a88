"""OpenAI's strict mode, which holds a model to a schema but takes only some schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from routing.json_value import JsonObject, JsonValue

_MAX_DEPTH = 32
# Left out rather than refused: they narrow values, and our own checks hold answers to them.
_UNSUPPORTED = frozenset({"default", "title", "examples", "minLength", "maxLength", "$schema", "$id"})


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """Return the schema in the form strict mode takes, None where it cannot be brought into it.

    Every object must list all its properties as required and allow no others; an optional property cannot be told from
    a required one that may be null, so a schema with optional properties is left to the non-strict mode.
    Source: OpenAI, "Structured model outputs", section "Supported schemas".
    """
    try:
        return cast("JsonObject", _strict(schema, 0))
    except _NotStrictError:
        return None


class _NotStrictError(Exception):
    """This schema says something strict mode cannot."""


def _strict(node: JsonValue, depth: int) -> JsonValue:
    if depth > _MAX_DEPTH:
        raise _NotStrictError
    if isinstance(node, list):
        return [_strict(part, depth + 1) for part in node]
    if not isinstance(node, dict):
        return node
    if "allOf" in node or "patternProperties" in node or "oneOf" in node:
        raise _NotStrictError
    if "properties" in node:
        return _strict_object(cast("JsonObject", node), depth)
    if node.get("type") == "object":
        raise _NotStrictError
    return {key: _strict(value, depth + 1) for key, value in node.items() if key not in _UNSUPPORTED}


def _strict_object(node: JsonObject, depth: int) -> JsonObject:
    properties = node["properties"]
    if not isinstance(properties, dict) or node.get("additionalProperties") not in (None, False):
        raise _NotStrictError
    required = node.get("required", ())
    if set(properties) != set(cast("list[str]", required)):
        raise _NotStrictError
    rest = {
        key: _strict(value, depth + 1)
        for key, value in node.items()
        if key not in _UNSUPPORTED and key not in {"properties", "additionalProperties"}
    }
    return rest | {
        "properties": {name: _strict(value, depth + 1) for name, value in properties.items()},
        "additionalProperties": False,
    }
