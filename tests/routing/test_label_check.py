from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routing.comparison import Comparison
from routing.label_check import LabelCheck
from routing.output_schema import compile_output_schema, describe_pydantic
from routing.task import FrozenTask, PydanticSchema, TierSpec
from tests.support.ended_jobs import RECEIPT

if TYPE_CHECKING:
    from routing.json_value import JsonObject

SCHEMA: JsonObject = {
    "type": "object",
    "$defs": {"line": {"type": "object", "properties": {"name": {"type": "string"}, "amount": {"type": "number"}}}},
    "properties": {
        "company": {"type": "string"},
        "date": {"type": ["string", "null"]},
        "total": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "kind": {"enum": ["sale", "refund", None]},
        "paid": {"type": "boolean"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "seller": {"allOf": [{"$ref": "#/$defs/line"}], "properties": {"city": {"type": "string"}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "notes": {"type": "object"},
        "anything": {},
        "mixed": {"anyOf": [{"type": "number"}, {}]},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
        "a.b": {"type": "string"},
    },
    "required": ["company", "unlisted"],
}
COMPARE = {"date": "date", "total": "number", "lines": "list", "lines[*].amount": "number"}
CHECK = LabelCheck(SCHEMA, COMPARE)


@pytest.mark.parametrize(
    "label",
    [
        {},
        {"company": "A", "date": "2024-01-02", "total": 3, "kind": "sale", "paid": True},
        {"total": "RM 3.00", "lines": [{"amount": "3.00", "name": None}]},
        {"company": None, "lines": []},
        {"seller": {"name": "x", "city": "y"}},
        {"labels": {"what ever": "x"}, "notes": {"x": {"y": 1}}, "anything": [1], "mixed": "x", "pair": ["x", 1]},
        {"unlisted": {"x": 1}, "a.b": "x"},
    ],
)
def test_what_can_be_right_passes(label: JsonObject) -> None:
    """Listed fields of a type that schema or comparator takes, null anywhere, and all that the schema leaves open."""
    assert CHECK.problem(label) is None


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ({"compny": "A"}, "the task's schema has no field `compny` (did you mean `company`?)"),
        ({"zzz": "A"}, "the task's schema has no field `zzz` (known there: a.b, anything, company"),
        ({"seller": {"citty": "A"}}, "no field `seller.citty` (did you mean `city`?)"),
        ({"lines": [{"name": "A"}, {"nam": "B"}]}, "no field `lines[*].nam`"),
        (
            {"company": 7},
            "`company` is of type number here and of type string in the task's schema; the comparator `text`",
        ),
        (
            {"date": 20240102},
            "`date` is of type number here and of type string in the task's schema; the comparator `date`",
        ),
        ({"paid": "yes"}, "`paid` is of type string here and of type boolean"),
        ({"paid": 1}, "`paid` is of type number"),
        ({"total": True}, "`total` is of type boolean"),
        ({"total": [1]}, "`total` is of type array"),
        ({"kind": 1}, "`kind` is of type number here and of type string"),
        ({"lines": {"name": "A"}}, "`lines` is of type object here and of type array"),
        ({"lines": [{"name": 1}]}, "`lines[*].name` is of type number"),
        ({"lines": ["A"]}, "`lines[*]` is of type string here and of type object"),
    ],
)
def test_what_can_never_be_right_is_told(label: JsonObject, told: str) -> None:
    """Fields the schema lacks with the nearest one, and types that the comparator never finds alike."""
    assert told in str(CHECK.problem(label))


def test_what_is_refused_is_alike_to_nothing_of_the_schemas_type() -> None:
    """The comparators themselves agree: a value of the schema's type is never like the label that was refused."""
    comparison = Comparison(COMPARE)
    for label, field, accepted in (
        ({"company": 7}, "company", "7"),
        ({"date": 20240102}, "date", "20240102"),
        ({"paid": 1}, "paid", True),
        ({"total": True}, "total", 1),
    ):
        assert CHECK.problem(dict(label)) is not None
        assert not comparison.alike(field, accepted, dict(label)[field])


def test_a_custom_comparator_may_take_what_it_likes() -> None:
    """Its types are the user's own; and elements under it are not looked at."""
    check = LabelCheck(SCHEMA, {"company": "custom:compare.py:same", "lines": "list:custom:compare.py:same"})
    assert check.problem({"company": 7, "lines": ["3 apples"]}) is None


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    """Labels are followed as deep as they go."""
    node: JsonObject = {"type": "object", "properties": {"below": {"$ref": "#"}, "name": {"type": "string"}}}
    check = LabelCheck(node, {})
    assert check.problem({"below": {"below": {"below": {"name": "x"}}}}) is None
    assert "no field `below.below.nme`" in str(check.problem({"below": {"below": {"nme": "x"}}}))
    assert LabelCheck({"$ref": "#"}, {}).problem({"x": 1}) is None


PYDANTIC = """
from decimal import Decimal
from pydantic import BaseModel, Field, computed_field, field_serializer

class Receipt(BaseModel):
    total: Decimal
    shop: str = Field(serialization_alias="company")
    day: int

    @field_serializer("day")
    def as_text(self, day: int) -> str:
        return f"day {day}"

    @computed_field
    @property
    def double(self) -> float:
        return float(self.total) * 2
"""


def _pydantic_task() -> FrozenTask:
    schema = PydanticSchema(
        source=PYDANTIC, class_name="Receipt", json_schema=describe_pydantic(PYDANTIC, "Receipt", "schema.py")
    )
    tier = TierSpec(name="cheap", model="small", system="", user="{{ text }}")
    return FrozenTask(name="receipt", output=schema, tiers=(tier,))


def test_labels_are_held_against_what_a_pydantic_model_gives_out() -> None:
    """Its own names and forms, decimals as numbers: not what it takes in."""
    task = _pydantic_task()
    given = compile_output_schema(task.output).validate({"total": 1.5, "shop": "A", "day": 3}).output
    assert given == {"total": 1.5, "company": "A", "day": "day 3", "double": 3.0}
    check = LabelCheck.of_task(task)
    assert check.problem(given) is None
    assert "no field `shop`" in str(check.problem({"shop": "A"}))
    assert "`day` is of type number" in str(check.problem({"day": 3}))


def test_a_task_brings_its_own_schema_and_comparators() -> None:
    """`of_task` takes both."""
    check = LabelCheck.of_task(RECEIPT)
    assert check.problem({"total": "RM 1.00", "company": "A"}) is None
    assert check.problem({"tiers": "A"}) is not None
