"""OpenAI's strict mode, which holds a model to a schema but takes only some schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from routing.json_value import JsonObject, JsonValue

_MAX_DEPTH = 32
_OBJECT = "object"
_VALUES = frozenset({"type", "enum", "const", "description", "pattern", "minimum", "maximum", "exclusiveMinimum",
                     "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "required"})  # fmt: skip
# Left out rather than refused: they narrow or describe values, and our own checks hold answers to them.
_DISPENSABLE = frozenset({"default", "title", "examples", "example", "minLength", "maxLength", "uniqueItems",
                          "deprecated", "readOnly", "writeOnly", "$schema", "$id", "$comment"})  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


def strict_schema(schema: JsonObject) -> JsonObject | None:
    """Return the schema in the form strict mode takes, None where it cannot be brought into it.

    Every object must list all its properties as required and allow no others; an optional property cannot be told from
    a required one that may be null, so a schema with optional properties is left to the non-strict mode, and so is one
    with a keyword that strict mode does not know. Source: OpenAI, "Structured model outputs", "Supported schemas".
    """
    if schema.get("type") != _OBJECT or "anyOf" in schema or "$ref" in schema:
        return None
    try:
        return _strict(schema, 0)
    except _NotStrictError:
        return None


class _NotStrictError(Exception):
    """This schema says something strict mode cannot."""


def _strict(node: JsonValue, depth: int) -> JsonObject:
    if depth > _MAX_DEPTH or not isinstance(node, dict):
        raise _NotStrictError
    schema = cast("JsonObject", node)
    strict: dict[str, JsonValue] = {}
    for keyword, value in schema.items():
        _add(strict, keyword, value, depth)
    if _is_object(schema):
        _require_all_properties(schema)
        strict["additionalProperties"] = False
    reference = strict.pop("$ref", None)
    if reference is None:
        return strict
    # A reference takes no keyword beside it, such as a field's description.
    return {"anyOf": [{"$ref": reference}], **strict} if strict else {"$ref": reference}


def _add(strict: dict[str, JsonValue], keyword: str, value: JsonValue, depth: int) -> None:
    match keyword:
        case "properties" | "$defs" | "definitions" if isinstance(value, dict):
            strict[keyword] = {name: _strict(part, depth + 1) for name, part in value.items()}
        case "items":
            strict[keyword] = _strict(value, depth + 1)
        case "anyOf" if isinstance(value, list):
            strict[keyword] = [_strict(part, depth + 1) for part in value]
        case "format":
            if value in _FORMATS:
                strict[keyword] = value
        case "$ref" if isinstance(value, str) and value.startswith("#"):
            strict[keyword] = value
        case "additionalProperties" if value is False:
            strict[keyword] = value
        case _ if keyword in _VALUES:
            strict[keyword] = value
        case _ if keyword not in _DISPENSABLE:
            raise _NotStrictError
        case _:
            pass


def _is_object(schema: JsonObject) -> bool:
    kind = schema.get("type")
    return kind == _OBJECT or (isinstance(kind, list) and _OBJECT in kind) or "properties" in schema


def _require_all_properties(schema: JsonObject) -> None:
    """Raise unless every property is required, and there is one to require or nothing else allowed."""
    properties, required = schema.get("properties"), schema.get("required", ())
    if not isinstance(properties, dict) or not isinstance(required, list | tuple):
        raise _NotStrictError
    if set(properties) != set(cast("list[str]", required)):
        raise _NotStrictError
