"""Schemas in the form OpenAI's strict mode takes, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from gateway.providers.strict_schema import strict_schema


class Line(BaseModel):
    amount: float = Field(title="Amount", ge=0)


class Receipt(BaseModel):
    model_config = ConfigDict(extra="forbid")

    shop: str = Field(min_length=2)
    note: str | None
    lines: list[Line]


class Optional(BaseModel):
    shop: str = "unknown"


def _objects(schema: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    inner = list(schema.values()) if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    own = [schema] if isinstance(schema, dict) and "properties" in schema else []
    return own + [found for part in inner for found in _objects(part)]


def test_a_nested_model_becomes_strict_throughout() -> None:
    """Every object in it, definitions included, lists all its properties and allows no others."""
    strict = strict_schema(Receipt.model_json_schema())
    assert strict is not None
    objects = _objects(strict)
    assert len(objects) == 2
    for found in objects:
        assert found["additionalProperties"] is False
        assert set(found["required"]) == set(found["properties"])
    assert "minLength" not in str(strict)
    assert "minimum" in str(strict)


@pytest.mark.parametrize(
    "schema",
    [
        Optional.model_json_schema(),
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": True},
        {"type": "object", "properties": {"a": {"allOf": [{}]}}, "required": ["a"]},
        {"type": "object", "properties": [], "required": []},
    ],
)
def test_what_strict_mode_cannot_say_is_left_to_the_other(schema: dict[str, Any]) -> None:
    """Optional properties, open objects and combinations are not forced into it."""
    assert strict_schema(schema) is None


def test_a_schema_without_end_is_left_alone() -> None:
    """Depth is bounded."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    assert strict_schema({"type": "object", "properties": {"a": schema}, "required": ["a"]}) is None


def test_a_property_may_be_named_like_a_keyword() -> None:
    """A field called `title` is a field."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    strict = strict_schema(schema)
    assert strict is not None
    assert strict["properties"] == {"title": {"type": "string"}}
