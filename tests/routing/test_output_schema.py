from __future__ import annotations

import functools
from typing import Any

import pytest

from routing.errors import InvalidFileError
from routing.output_schema import MAX_FAILURES, OutputSchema, compile_output_schema, describe_pydantic
from routing.task import JsonSchema, PydanticSchema

RECEIPT = """
from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field, field_validator, model_validator


class Receipt(BaseModel):
    company: str
    total: float
    tax: Decimal | None = None
    count: int = 1
    day: datetime.date | None = Field(default=None, alias="date")
    kind: Literal["cash", "card"] = "cash"
    lines: list[Line] = []
    either: int | list[int] = 0

    @field_validator("company")
    @classmethod
    def known(cls, company: str) -> str:
        if company == "boom":
            return {}["key"]
        if company == "leak":
            raise ValueError("what is leak?")
        if company == "plain":
            raise ValueError("it needs a legal form")
        if company == "infinite":
            return company
        return company.strip()

    @model_validator(mode="after")
    def sums(self) -> Receipt:
        if self.company == "infinite":
            self.total = float("inf")
        assert self.total != 13, "thirteen"
        return self


class Line(BaseModel):
    amount: Decimal
"""

JSON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "date": {"type": "string", "format": "date"},
        "code": {"type": "string", "pattern": "^(a+)+$"},
        "lines": {"type": "array", "items": {"type": "object", "required": ["amount"]}},
    },
    "required": ["total"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def receipt() -> OutputSchema:
    """Compile the pydantic model above."""
    json_schema = describe_pydantic(RECEIPT, "Receipt")
    return compile_output_schema(PydanticSchema(source=RECEIPT, class_name="Receipt", json_schema=dict(json_schema)))


@pytest.fixture(scope="module")
def document() -> OutputSchema:
    """Compile the JSON Schema above."""
    return compile_output_schema(JsonSchema(json_schema=JSON_SCHEMA))


def failures(schema: OutputSchema, value: dict[str, Any]) -> list[tuple[str, str]]:
    """Fields and reasons, once it is sure that there is an output exactly where there are none."""
    result = schema.validate(value)
    assert (result.output is None) == bool(result.failures)
    return [(failure.field, failure.reason) for failure in result.failures]


def test_a_model_s_output_is_its_json_form(receipt: OutputSchema) -> None:
    """Defaults, aliases and normalising validators are applied, and decimals are numbers."""
    result = receipt.validate({"company": " Acme ", "total": 9, "date": "2018-03-24", "lines": [{"amount": "1.50"}]})
    assert result.output == {
        "company": "Acme",
        "total": 9.0,
        "tax": None,
        "count": 1,
        "date": "2018-03-24",
        "kind": "cash",
        "lines": [{"amount": 1.5}],
        "either": 0,
    }


def test_whole_decimals_are_integers_and_others_floats(receipt: OutputSchema) -> None:
    """A decimal keeps the form it had as far as JSON has one."""
    lines = [{"amount": 2}, {"amount": 2.5}, {"amount": "1e30"}]
    output = receipt.validate({"company": "a", "total": 1, "lines": lines}).output
    assert output is not None
    assert repr(output["lines"]) == "[{'amount': 2}, {'amount': 2.5}, {'amount': 1e+30}]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"total": 1}, [("company", "Field required")]),
        ({"company": "a", "total": "1"}, [("total", "Input should be a valid number")]),
        ({"company": "a", "total": True}, [("total", "Input should be a valid number")]),
        ({"company": "a", "total": None}, [("total", "Input should be a valid number")]),
        ({"company": "a", "total": 1, "count": 1.5}, [("count", "Input should be a valid integer")]),
        ({"company": "a", "total": 1, "date": 5}, [("date", "Input should be a valid date")]),
        ({"company": "a", "total": 1, "kind": "SECRET"}, [("kind", "Input should be 'cash' or 'card'")]),
        ({"company": "a", "total": 1, "lines": [{"amount": 1}, {}]}, [("lines[1].amount", "Field required")]),
        ({"company": "boom", "total": 1}, [("", "the schema's own code raised KeyError")]),
        ({"company": "leak", "total": 1}, [("company", "a validator of the schema refused it")]),
        ({"company": "plain", "total": 1}, [("company", "Value error, it needs a legal form")]),
        ({"company": "a", "total": 13}, [("", "Assertion failed, thirteen")]),
        (
            {"company": "infinite", "total": 1},
            [
                (
                    "",
                    (
                        "the schema's own code made a value that cannot be kept: "
                        "it holds NaN, Infinity or a number too large for one"
                    ),
                )
            ],
        ),
    ],
)
def test_a_model_s_failures_name_fields_and_quote_no_value(
    receipt: OutputSchema, value: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """JSON's types count, the user's validators may raise anything, and no reason holds what was given."""
    assert failures(receipt, value) == expected


def test_a_union_s_branches_are_no_part_of_a_field_s_name(receipt: OutputSchema) -> None:
    """Each branch's failure names the field, or the element of it, that exists in the answer."""
    found = failures(receipt, {"company": "a", "total": 1, "either": ["x"]})
    assert [field for field, _ in found] == ["either", "either[0]"]


@pytest.mark.parametrize("leaf", ["x", 5, 1.5, [7], {"key": "two words"}])
def test_a_validator_s_message_is_withheld_where_it_holds_any_part_of_the_value(leaf: object) -> None:
    """Nested values and numbers count as the document's."""
    source = (
        "import json\nfrom typing import Any\nfrom pydantic import BaseModel, model_validator\n"
        "class Output(BaseModel):\n    a: Any\n"
        "    @model_validator(mode='before')\n    @classmethod\n    def no(cls, value):\n"
        "        raise ValueError('not ' + json.dumps(value['a']))\n"
    )
    schema = compile_output_schema(PydanticSchema(source=source, class_name="Output", json_schema={}))
    assert failures(schema, {"a": leaf}) == [("", "a validator of the schema refused it")]


def test_an_empty_value_hides_no_message() -> None:
    """Empty text is part of any message and proves nothing."""
    source = (
        "from pydantic import BaseModel, field_validator\nclass Output(BaseModel):\n    a: str\n"
        "    @field_validator('a')\n    @classmethod\n    def no(cls, value):\n        raise ValueError('empty')\n"
    )
    schema = compile_output_schema(PydanticSchema(source=source, class_name="Output", json_schema={}))
    assert failures(schema, {"a": ""}) == [("a", "Value error, empty")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, [("total", "it is missing")]),
        ({"total": "SECRET"}, [("total", 'the value is not of type "number"')]),
        ({"total": True}, [("total", 'the value is not of type "number"')]),
        ({"total": -1}, [("total", "the value is less than the minimum of 0")]),
        ({"total": 1, "date": "31/12/2018"}, [("date", 'the value is not a "date"')]),
        ({"total": 1, "lines": [{"amount": 1}, {}]}, [("lines[1].amount", "it is missing")]),
        ({"total": 1, "SECRET": 1, "b": 2}, [("", "keys the schema does not allow: 2")]),
    ],
)
def test_json_schema_failures_name_fields_and_quote_no_value(
    document: OutputSchema, value: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Neither values nor keys of the model's own making appear in a reason."""
    assert failures(document, value) == expected


def test_json_schema_lets_a_valid_output_through_as_it_is(document: OutputSchema) -> None:
    """Validation adds and changes nothing."""
    value = {"total": 1, "date": "2018-12-31", "lines": [{"amount": 2}]}
    assert document.validate(value).output == value


@pytest.mark.timeout(5)
def test_patterns_take_linear_time(document: OutputSchema) -> None:
    """A pattern that explodes in a backtracking engine is answered at once."""
    assert failures(document, {"total": 1, "code": "a" * 100_000 + "b"})


def test_unevaluated_keys_are_counted_not_named() -> None:
    """The newer keyword is told like the older one."""
    schema = compile_output_schema(
        JsonSchema(json_schema={"properties": {"a": True}, "unevaluatedProperties": False}),
    )
    assert failures(schema, {"SECRET": 1}) == [("", "keys the schema does not allow: 1")]


def test_the_number_of_failures_is_bounded(receipt: OutputSchema, document: OutputSchema) -> None:
    """A thousand wrong lines are told by the first few."""
    lines = [{}] * 1000
    assert len(failures(document, {"total": 1, "lines": lines})) == MAX_FAILURES
    assert len(failures(receipt, {"company": "a", "total": 1, "lines": lines})) == MAX_FAILURES


def test_a_schema_shows_its_json_schema(receipt: OutputSchema, document: OutputSchema) -> None:
    """What models are shown is what the task froze."""
    assert receipt.json_schema["required"] == ["company", "total"]
    assert document.json_schema == JSON_SCHEMA


@pytest.mark.parametrize(
    ("json_schema", "message"),
    [
        ({"type": "array"}, "describes no object"),
        ({"type": "objct"}, "describes no object"),
        ({"properties": {"a": {"type": "nmber"}}}, "at properties/a/type"),
        ({"properties": {"a": {"pattern": "(("}}}, "at properties/a/pattern"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "not a JSON Schema"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "not a JSON Schema"),
        ({"$ref": "file:///etc/passwd"}, "not a JSON Schema"),
        ({"$ref": "other.json"}, "not a JSON Schema"),
        ({"$ref": "#/$defs/nowhere"}, "not a JSON Schema"),
        (functools.reduce(lambda inner, _: {"not": inner}, range(255), {}), "Recursion limit"),
        ({"$schema": "http://127.0.0.1:9/draft"}, "not a JSON Schema"),
    ],
)
def test_a_json_schema_that_cannot_be_used_is_told_by_file(json_schema: dict[str, Any], message: str) -> None:
    """Wrong keywords, patterns no linear engine has, and references outside the document are mistakes of the file."""
    with pytest.raises(InvalidFileError, match=message) as error:
        compile_output_schema(JsonSchema(json_schema=json_schema), "task/schema.json")
    assert error.value.problems[0].file == "task/schema.json"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("import pydantic\nclass Output(pydantic.BaseModel)\n    a: int\n", 2, "SyntaxError"),
        ("x = 1\ny = 1 / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("import pydantic\nimport no_such_module_anywhere\n", 2, "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
        ("import pydantic\nclass Output(pydantic.BaseModel):\n    a: 'Missing'\n", 0, "PydanticUndefinedAnnotation"),
        ("a = '\0'", 0, "null bytes"),
        ("Output = 1\n", 0, "`Output` is no pydantic model"),
        ("", 0, "`Output` does not exist in this file"),
        ("from pydantic import BaseModel\nclass Outputs(BaseModel): ...\n", 0, r"did you mean `Outputs`\?"),
        ("from pydantic import RootModel\nclass Output(RootModel[list[int]]): ...\n", 0, "describes no object"),
        (
            (
                "from pydantic import BaseModel\nfrom collections.abc import Callable\n"
                "class Output(BaseModel):\n    a: Callable[[], int]\n"
            ),
            0,
            "has no JSON Schema",
        ),
    ],
)
def test_a_mistake_in_a_python_schema_is_told_by_line(source: str, line: int, message: str) -> None:
    """Whatever goes wrong while the file runs is one problem with its place."""
    with pytest.raises(InvalidFileError, match=message) as error:
        describe_pydantic(source, "Output", "task/schema.py")
    (problem,) = error.value.problems
    assert (problem.file, problem.line) == ("task/schema.py", line)


def test_each_schema_is_a_fresh_module() -> None:
    """Two schemas of the same name do not meet, and no module stays behind."""
    import sys

    before = set(sys.modules)
    source = "from pydantic import BaseModel\nclass Output(BaseModel):\n    a: {}\n"
    first = describe_pydantic(source.format("int"), "Output")
    second = describe_pydantic(source.format("str"), "Output")
    assert (first["properties"], second["properties"]) == (
        {"a": {"title": "A", "type": "integer"}},
        {"a": {"title": "A", "type": "string"}},
    )
    assert not {name for name in set(sys.modules) - before if name.startswith("cheapfirst_schema")}
