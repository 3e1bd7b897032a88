"""How much work it is to hold a value against a JSON Schema, counted before it is done.

A schema that refers to itself under alternatives (`A` holds `A` or `B`, `B` too) is tried once for each alternative on
every level, so that an answer of 300 characters, twenty levels deep, can hold a validator for minutes.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import Enum
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from routing.field_path import take

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from routing.json_value import JsonObject, JsonValue

MOST_PLAIN_VISITS = 10_000
"""A schema without recursion that comes to no more parts than these is never counted."""
_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")
_OF_KEYS = ("additionalProperties", "unevaluatedProperties")
_OF_ELEMENTS = ("items", "contains", "additionalItems", "unevaluatedItems")
_INDEX = re.compile(r"[0-9]{1,9}")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Thoroughness(Enum):
    """Which alternatives a validator enters."""

    ALL = "all"  # every one, as when errors are gathered
    BY_DISCRIMINATOR = "by_discriminator"  # of a union with a `discriminator` only the one that is named
    BY_KIND = "by_kind"  # none whose constants the value does not have


class ValidationWork:
    """Counts the parts of a schema that a value is held against.

    `is_needed` is false where no value can multiply the schema, `is_endless` true where it comes back to itself before
    it says anything of a member. A reference this cannot follow counts as one to the whole schema.
    """

    def __init__(self, json_schema: JsonObject) -> None:
        self._root = json_schema
        self._parts: dict[int, JsonObject] = {}
        self._anchors = {f"#{name}": part for part in _all_parts(json_schema) for name in _anchors_of(part)}
        self.is_endless = False
        visits = self._plain_visits()
        self.is_needed = visits is None or visits > MOST_PLAIN_VISITS
        if self.is_needed:
            self.is_endless = self._here(Counter({self._known(json_schema): 1}), {}, Thoroughness.ALL) is None

    def exceeds(self, value: JsonValue, limit: int, thoroughness: Thoroughness) -> bool:
        """Tell whether a value is held against more than `limit` parts. Takes no longer than counting to `limit`."""
        visits = 0
        waiting: list[tuple[JsonValue, Counter[int]]] = [(value, Counter({self._known(self._root): 1}))]
        while waiting:
            value, counts = waiting.pop()
            here = self._here(counts, value, thoroughness)
            visits += limit + 1 if here is None else here.total()
            if here is None or visits > limit:
                return True
            for key, member in _members(value):
                following: Counter[int] = Counter()
                for part, count in here.items():
                    for inner in self._below(self._parts[part], key):
                        following[self._known(inner)] += count
                if following:
                    waiting.append((member, following))
        return False

    def _plain_visits(self) -> int | None:
        """Return the parts of the schema, each as often as it is reached; None where it holds itself."""
        reached: dict[int, list[int]] = {}
        waiting = [self._known(self._root)]
        while waiting:
            part = waiting.pop()
            if part not in reached:
                schema = self._parts[part]
                inner = [*self._in_place(schema, None, Thoroughness.ALL), *_every_member(schema)]
                reached[part] = [self._known(one) for one in inner]
                waiting += reached[part]
        try:
            counts = _spread(Counter({self._known(self._root): 1}), reached)
        except CycleError:
            return None
        return counts.total()

    def _here(self, counts: Counter[int], value: JsonValue, thoroughness: Thoroughness) -> Counter[int] | None:
        """Add the parts that say more of the same value; None where they come back to themselves."""
        reached: dict[int, list[int]] = {}
        waiting = list(counts)
        while waiting:
            part = waiting.pop()
            if part not in reached:
                inner = self._in_place(self._parts[part], value, thoroughness)
                reached[part] = [self._known(one) for one in inner]
                waiting += reached[part]
        try:
            return _spread(counts, reached)
        except CycleError:
            return None

    def _known(self, part: JsonObject) -> int:
        self._parts[id(part)] = part
        return id(part)

    def _in_place(self, schema: JsonObject, value: JsonValue, thoroughness: Thoroughness) -> Iterator[JsonObject]:
        for keyword in _REFERENCES:
            reference = schema.get(keyword)
            if isinstance(reference, str):
                yield self._resolve(reference)
        for keyword in _LISTS:
            yield from self._alternatives(schema, keyword, value, thoroughness)
        yield from _schemas(schema.get(keyword) for keyword in _SINGLE)
        dependent = schema.get("dependentSchemas")
        if isinstance(dependent, dict):
            yield from _schemas(dependent.values())

    def _alternatives(
        self, schema: JsonObject, keyword: str, value: JsonValue, thoroughness: Thoroughness
    ) -> Iterator[JsonObject]:
        parts = schema.get(keyword)
        tells_apart = thoroughness is Thoroughness.BY_KIND or (
            thoroughness is Thoroughness.BY_DISCRIMINATOR and "discriminator" in schema
        )
        for part in _schemas(parts if isinstance(parts, list) else ()):
            if keyword == "allOf" or not tells_apart or not self._is_of_another_kind(part, value):
                yield part

    def _is_of_another_kind(self, part: JsonObject, value: JsonValue) -> bool:
        reference = part.get("$ref")
        properties = (self._resolve(reference) if isinstance(reference, str) else part).get("properties")
        if not isinstance(properties, dict) or not isinstance(value, dict):
            return False
        return any(
            _excludes(member, value[name])
            for name, member in properties.items()
            if name in value and isinstance(member, dict)
        )

    def _below(self, schema: JsonObject, key: str | int) -> Iterator[JsonObject]:
        if isinstance(key, int):
            yield from _schemas(_at(schema, keyword, key) for keyword in ("prefixItems", "items"))
            yield from _schemas(schema.get(keyword) for keyword in _OF_ELEMENTS)
            return
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        is_listed = isinstance(properties, dict) and key in properties
        yield from _schemas([properties[key]] if isinstance(properties, dict) and key in properties else ())
        yield from _schemas(patterns.values() if isinstance(patterns, dict) else ())
        yield from _schemas(() if is_listed else (schema.get(keyword) for keyword in _OF_KEYS))

    def _resolve(self, reference: str) -> JsonObject:
        if not reference.startswith("#/"):
            return self._anchors.get(reference, self._root)
        target: JsonValue = self._root
        for step in reference.split("/")[1:]:
            target = _step(target, step.replace("~1", "/").replace("~0", "~"))
        return target if isinstance(target, dict) else self._root


def _spread(counts: Counter[int], reached: dict[int, list[int]]) -> Counter[int]:
    """Let each part pass its count on to those it leads to, once for each way. Raises CycleError."""
    leading: dict[int, list[int]] = {part: [] for part in reached}
    for part, inner in reached.items():
        for one in inner:
            leading[one].append(part)
    total = Counter(counts)
    for part in TopologicalSorter(leading).static_order():
        for one in reached[part]:
            total[one] += total[part]
    return total


def _members(value: JsonValue) -> Iterator[tuple[str | int, JsonValue]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _every_member(schema: JsonObject) -> Iterator[JsonObject]:
    for keyword in ("properties", "patternProperties"):
        members = schema.get(keyword)
        yield from _schemas(members.values() if isinstance(members, dict) else ())
    for keyword in ("prefixItems", *_OF_ELEMENTS, *_OF_KEYS):
        inner = schema.get(keyword)
        yield from _schemas(inner if isinstance(inner, list) else [inner])


def _all_parts(value: JsonValue) -> Iterator[JsonObject]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
        waiting += [member for _, member in _members(one)]


def _anchors_of(part: JsonObject) -> Iterator[str]:
    yield from (name for keyword in ("$anchor", "$dynamicAnchor") if isinstance(name := part.get(keyword), str))


def _schemas(values: Iterable[JsonValue]) -> Iterator[JsonObject]:
    yield from (value for value in values if isinstance(value, dict))


def _excludes(schema: JsonObject, value: JsonValue) -> bool:
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    return isinstance(allowed, list) and value not in allowed


def _at(schema: JsonObject, keyword: str, index: int) -> JsonValue:
    listed = schema.get(keyword)
    return listed[index] if isinstance(listed, list) and index < len(listed) else None


def _step(target: JsonValue, step: str) -> JsonValue:
    return take(target, int(step) if isinstance(target, list) and _INDEX.fullmatch(step) else step)
