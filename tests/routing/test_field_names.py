from __future__ import annotations

from typing import Any

import pytest

from routing.field_names import field_names


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
