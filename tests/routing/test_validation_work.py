"""The work of a validation is counted as a validator would do it, and no longer than it takes to know enough."""

from __future__ import annotations

from bisect import bisect_left
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validation_work import Thoroughness, ValidationWork

ALTERNATIVES: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]},
        "a": {"properties": {"kind": {"const": "a"}, "child": {"$ref": "#/$defs/node"}}},
        "b": {"properties": {"kind": {"enum": ["b", "c"]}, "child": {"$ref": "#/$defs/node"}}},
    },
}


def nested(depth: int, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return an object that holds one like it, this many times."""
    return reduce(lambda inner, _: {**members, "child": inner}, range(depth), dict(members))


def visits(schema: dict[str, Any], value: object, thoroughness: Thoroughness = Thoroughness.ALL) -> int:
    """Find the count by asking for limits."""
    work = ValidationWork(schema)
    limits = range(10_000)
    return bisect_left(limits, 1, key=lambda limit: not work.exceeds(value, limit, thoroughness))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schema", "value", "count"),
    [
        ({}, {}, 1),
        ({"properties": {"a": {}, "b": {}}}, {"a": 1}, 2),
        ({"properties": {"a": {}}, "patternProperties": {"x": {}, "y": {}}}, {"a": 1}, 4),
        ({"additionalProperties": {"items": {}}}, {"a": [1, 2], "b": []}, 5),
        ({"properties": {"a": {}}, "additionalProperties": {"items": {}}}, {"a": [1, 2]}, 2),
        ({"properties": {"a": {"prefixItems": [{}, True], "items": {}}}}, {"a": [1, 2, 3]}, 6),
        ({"allOf": [{}, {"not": {}}], "if": {}, "then": {}, "else": {}}, {}, 7),
        ({"dependentSchemas": {"a": {}}, "properties": {"a": True}}, {"a": 1}, 2),
        ({"$ref": "#there", "$defs": {"x": {"$anchor": "there"}}}, {}, 2),
        ({"$ref": "#/anyOf/1", "anyOf": [{}, {}]}, {}, 4),
    ],
)
def test_each_part_counts_once_for_each_way_to_it(schema: dict[str, Any], value: object, count: int) -> None:
    """Members, elements, alternatives, conditions and references are what a validator visits."""
    assert visits(schema, value) == count


@given(st.integers(0, 8))
def test_alternatives_that_hold_each_other_double_on_every_level(depth: int) -> None:
    """A reference, a node, two references to its alternatives and those; twice as many of each below."""
    assert visits(ALTERNATIVES, nested(depth)) == 6 * (2 ** (depth + 1) - 1)


def test_alternatives_of_other_kinds_are_left_at_once() -> None:
    """A value that names its kind goes one way, where the validator looks at kinds first."""
    value = nested(30, kind="a")
    assert visits(ALTERNATIVES, value, Thoroughness.BY_KIND) == 31 * 4 + 31
    work = ValidationWork(ALTERNATIVES)
    assert work.exceeds(value, 1_000_000, Thoroughness.BY_DISCRIMINATOR)
    node = {**ALTERNATIVES["$defs"]["node"], "discriminator": {"propertyName": "kind"}}
    told = ValidationWork({**ALTERNATIVES, "$defs": {**ALTERNATIVES["$defs"], "node": node}})
    assert not told.exceeds(value, 200, Thoroughness.BY_DISCRIMINATOR)
    assert told.exceeds(value, 1_000_000, Thoroughness.ALL)


@pytest.mark.parametrize("depth", [60, 5_000])
def test_counting_ends_where_it_is_enough(depth: int) -> None:
    """2 to the 60 is never counted to."""
    assert ValidationWork(ALTERNATIVES).exceeds(nested(depth), 1_000_000, Thoroughness.ALL)


@pytest.mark.parametrize(
    ("schema", "needed", "endless"),
    [
        ({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, False, False),
        ({"properties": {"child": {"$ref": "#"}}}, True, False),
        ({"$ref": "#"}, True, True),
        ({"$ref": "https://example.org/elsewhere"}, True, True),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, True, True),
        ({"$ref": "#/$defs/n0", "$defs": {f"n{n}": {"allOf": [{"$ref": f"#/$defs/n{n + 1}"}] * 2} for n in range(20)}},
         True, True),
    ],
)  # fmt: skip
def test_only_schemas_that_can_multiply_are_counted(schema: dict[str, Any], needed: bool, endless: bool) -> None:  # noqa: FBT001
    """Most schemas are trees, and cost nothing."""
    work = ValidationWork(schema)
    assert (work.is_needed, work.is_endless) == (needed, endless)
