"""Whether a label fits its task: its fields are the schema's, and an accepted answer can be like its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from routing.comparators import (
    DEFAULT_COMPARATOR,
    custom_function,
    element_comparator,
    is_collection,
)
from routing.field_names import resolve
from routing.field_path import EACH, below, is_name
from routing.file_errors import nearest
from routing.output_schema import output_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from routing.json_value import JsonObject, JsonValue
    from routing.task import FrozenTask

_PARTS = ("anyOf", "oneOf", "allOf")
_OPEN = ("patternProperties", "if", "dependentSchemas", "$dynamicRef")
"""Keywords by which an object may have keys, or values types, that are listed nowhere else."""
_LISTING = {"properties", "required", "additionalProperties", "$ref", *_PARTS}
_MOST_LISTED = 10
_KINDS: Mapping[type, str] = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}

_Schemas: TypeAlias = "Sequence[JsonObject] | None"
"""All parts of a schema that speak of one value; None where it may be anything."""


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """What is wrong with a label, and what may be meant, empty where nothing is near. Values are not quoted."""

    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.message}{f' ({self.suggestion})' if self.suggestion else ''}"


class LabelCheck:
    """Checks labels against one task's schema and comparators.

    It refuses fields that no model is asked for, and values that no answer of the schema's types could be like. What it
    lets pass may still be wrong: the words of a label are the user's.
    """

    def __init__(self, json_schema: JsonObject, comparators: Mapping[str, str]) -> None:
        self._root = json_schema
        self._comparators = comparators
        self._parts_of: dict[int, tuple[JsonObject, ...] | None] = {}

    @classmethod
    def of_task(cls, task: FrozenTask) -> LabelCheck:
        """Return the check of a task's labels."""
        return cls(output_form(task.output), task.compare)

    def problem(self, expected: JsonObject) -> LabelProblem | None:
        """Return the first thing that is wrong with a document's labels, None where all of them may be right."""
        return next(self._members("", DEFAULT_COMPARATOR, expected, self._parts(self._root)), None)

    def _members(self, path: str, above: str, label: JsonObject, schemas: _Schemas) -> Iterator[LabelProblem]:
        members = None if schemas is None else _members_of(schemas)
        if members is None:
            return
        for name, value in label.items():
            if not is_name(name):
                continue
            inside = below(path, name)
            if name not in members:
                near = nearest(name, members)
                there = sorted(members)
                listed = ", ".join(there[:_MOST_LISTED]) + (", ..." if len(there) > _MOST_LISTED else "")
                yield LabelProblem(f"the task's schema has no field `{inside}`", near or f"known there: {listed}")
                continue
            yield from self._value(inside, self._comparators.get(inside, above), value, self._all(members[name]))

    def _value(self, path: str, comparator: str, value: JsonValue, schemas: _Schemas) -> Iterator[LabelProblem]:
        types = None if schemas is None else _types_of(schemas)
        if value is None or types is None or custom_function(comparator) is not None:
            return
        kind = "object" if isinstance(value, dict) else _KINDS[type(value)]
        if kind not in types and not _reads(comparator, kind, types):
            told = " or ".join(sorted(types - {"null"})) or "null"
            yield LabelProblem(
                f"`{path}` is of type {kind} here and of type {told} in the task's schema; the comparator"
                f" `{comparator}` never finds these alike",
                "write it as the schema has it, or compare it otherwise",
            )
        elif isinstance(value, dict):
            yield from self._members(path, _inner(comparator), value, schemas)
        elif isinstance(value, list):
            inside = path + EACH
            own = self._comparators.get(inside, _inner(comparator))
            elements = _elements_of(schemas or ())
            for element in value if elements is not None else ():
                yield from self._value(inside, own, element, self._all(elements or ()))

    def _all(self, schemas: Sequence[JsonValue]) -> _Schemas:
        found: list[JsonObject] = []
        for schema in schemas:
            parts = self._parts(schema)
            if parts is None:
                return None
            found += parts
        return found

    def _parts(self, schema: JsonValue) -> _Schemas:
        """Return a schema with all that it refers to and is put together from; None where one of them is unknown."""
        if id(schema) not in self._parts_of:
            found: dict[int, JsonObject] = {}
            waiting = [schema]
            while waiting:
                part = waiting.pop()
                if not isinstance(part, dict) or any(keyword in part for keyword in _OPEN):
                    self._parts_of[id(schema)] = None
                    break
                if id(part) in found:
                    continue
                found[id(part)] = part
                waiting += _put_together(part, self._root)
            else:
                self._parts_of[id(schema)] = tuple(found.values())
        return self._parts_of[id(schema)]


def _put_together(schema: JsonObject, root: JsonObject) -> Iterator[JsonValue]:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield resolve(reference, root)
    for keyword in _PARTS:
        parts = schema.get(keyword)
        yield from parts if isinstance(parts, list) else ()


def _members_of(schemas: Sequence[JsonObject]) -> dict[str, list[JsonValue]] | None:
    """Return the schemas of each member that is listed; None where other keys are part of the design."""
    found: dict[str, list[JsonValue]] = {}
    for schema in schemas:
        if schema.get("additionalProperties") or (schema.get("type") == "object" and not _LISTING & schema.keys()):
            return None
        properties = schema.get("properties")
        for name, member in properties.items() if isinstance(properties, dict) else ():
            found.setdefault(name, []).append(member)
    for schema in schemas:
        required = schema.get("required")
        for name in required if isinstance(required, list) else ():
            found.setdefault(str(name), [{}])
    return found or None


def _elements_of(schemas: Sequence[JsonObject]) -> list[JsonValue] | None:
    """Return the schemas of a list's elements; None where they may be anything."""
    found = [schema["items"] for schema in schemas if "items" in schema]
    return found if found and not any("prefixItems" in schema for schema in schemas) else None


def _types_of(schemas: Sequence[JsonObject]) -> set[str] | None:
    """Return the types of JSON a value may have, an integer being a number; None where it may have any."""
    found: set[str] = set()
    for schema in schemas:
        named = _named_types(schema)
        if named is not None:
            found |= named
        elif not any(keyword in schema for keyword in ("$ref", *_PARTS)):
            return None
    return found or None


def _named_types(schema: JsonObject) -> set[str] | None:
    told = schema.get("type")
    if told is not None:
        names = told if isinstance(told, list) else [told]
        return {"number" if name == "integer" else str(name) for name in names}
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if not isinstance(values, list):
        return None
    return {"null" if value is None else _KINDS.get(type(value), "object") for value in values}


def _reads(comparator: str, kind: str, types: set[str]) -> bool:
    """Whether a comparator takes a value of one type for one of another: a number for its text."""
    return comparator == "number" and kind in {"string", "number"} and not types.isdisjoint({"string", "number"})


def _inner(comparator: str) -> str:
    return element_comparator(comparator) if is_collection(comparator) else comparator
