from __future__ import annotations

from typing import Any

import pytest

from routing.field_names import MAX_PLACES, field_names
from tests.support.processor_time import processor_ms


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({}, set()),
        ({"properties": {"a": {}, "b": True}}, {"a"}),
        ({"properties": {"a": {"properties": {"b": {}}}}}, {"a", "a.b"}),
        ({"properties": {"a": {"items": {"properties": {"b": {}}}}}}, {"a", "a[*]", "a[*].b"}),
        ({"properties": {"a": {"prefixItems": [{"properties": {"b": {}}}]}}}, {"a", "a[*]", "a[*].b"}),
        ({"properties": {"a": {"anyOf": [{"properties": {"b": {}}}, {"type": "null"}]}}}, {"a", "a.b"}),
        ({"properties": {"a": {"type": "object"}}}, {"a", "a.*"}),
        ({"properties": {"a": {"additionalProperties": {"type": "string"}}}}, {"a", "a.*"}),
        ({"properties": {"a": {"patternProperties": {"^x": {}}}}}, {"a", "a.*"}),
        (
            {"$defs": {"l/1~": {"properties": {"b": {}}}}, "properties": {"a": {"$ref": "#/$defs/l~11~0"}}},
            {"a", "a.b"},
        ),
        ({"$ref": "#/$defs/R", "$defs": {"R": {"properties": {"a": {}}}}}, {"a"}),
        ({"properties": {"a": {"$ref": "#/$defs/none/there"}, "b": {"$ref": "other.json"}}}, {"a", "b"}),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, {"a"}),
        ({"properties": {"a": {"items": {"$ref": 5}}}, "anyOf": 5}, {"a", "a[*]"}),
        ({"required": ["a", 5]}, {"a"}),
        ({"properties": {"a.b": {}, "a[": {"properties": {"c": {}}}, "": {}, "d": {}}, "required": ["]"]}, {"d"}),
    ],
)
def test_every_field_a_schema_describes_has_a_path(schema: dict[str, Any], names: set[str]) -> None:
    """Members, elements, alternatives, references within the document and open keys are found."""
    assert field_names(schema) == names


def test_a_schema_within_itself_has_a_bounded_number_of_paths() -> None:
    """A tree's paths end after eight steps."""
    names = field_names({"properties": {"child": {"$ref": "#"}, "name": {}}})
    assert max(name.count(".") for name in names) == 7
    assert "child.child.name" in names


def test_a_schema_that_multiplies_is_looked_at_as_far_as_it_is_worth() -> None:
    """Twenty references to itself are 20 to the 8 paths, of which the short ones are found."""
    properties: dict[str, Any] = {f"p{number}": {"$ref": "#"} for number in range(20)}
    names = field_names({"properties": properties})
    assert {*properties, "p3.p4", "p19.p19"} <= names
    assert len(names) <= MAX_PLACES
    assert processor_ms(lambda: field_names({"properties": properties})) < 100


def test_references_that_fan_out_in_one_place_are_followed_once() -> None:
    """Thirty levels of two references to the next one end in one field."""
    definitions: dict[str, Any] = {f"n{n}": {"allOf": [{"$ref": f"#/$defs/n{n + 1}"}] * 2} for n in range(30)}
    definitions["n30"] = {"properties": {"a": {}}}
    assert field_names({"$ref": "#/$defs/n0", "$defs": definitions}) == {"a"}
