"""A model's answer chooses its own keys and its own depth: neither may hold a worker up, or get out of the ledger."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenLogprob, TokenUsage
from routing.output_schema import OutputSchema, compile_output_schema, describe_pydantic
from routing.task import AgreementSpec, ChecksSpec, ConfidenceSpec, FrozenTask, JsonSchema, PydanticSchema, TierSpec
from tests.support.processor_time import processor_ms

MOST_MS = 100
SECRET = "canary-of-the-document"
TREES = """
from __future__ import annotations
from typing import Literal, Annotated
from pydantic import BaseModel, Field

class A(BaseModel):
    kind: Literal["a"] = "a"
    child: A | B | None = None

class B(BaseModel):
    kind: Literal["b"] = "b"
    child: A | B | None = None

class Output(BaseModel):
    child: A | B
"""
TOLD_APART = TREES.replace("A | B", 'Annotated[A | B, Field(discriminator="kind")]')


def alternatives(count: int, **shared: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON Schema
    """Return a schema of nodes of several kinds, each with a child of any kind."""
    kinds = {
        f"k{number}": {"properties": {"kind": {"const": f"k{number}"}, "child": {"$ref": "#/$defs/node"}, **shared}}
        for number in range(count)
    }
    node = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in kinds]}
    return {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}, "$defs": {"node": node, **kinds}}


def json_schema(schema: dict[str, Any]) -> OutputSchema:
    """Compile a JSON Schema."""
    return compile_output_schema(JsonSchema(json_schema=schema))


def pydantic(source: str) -> OutputSchema:
    """Compile the model `Output`."""
    described = dict(describe_pydantic(source, "Output"))
    return compile_output_schema(PydanticSchema(source=source, class_name="Output", json_schema=described))


def nested(depth: int, leaf: object, **members: object) -> dict[str, Any]:
    """Return an answer of this depth."""
    return {"child": reduce(lambda inner, _: {**members, "child": inner}, range(depth - 1), leaf)}


SAME = {"properties": {"child": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "required": ["kind"]}
DEEP: dict[str, tuple[OutputSchema, dict[str, Any]]] = {
    "one alternative twice": (json_schema(SAME), nested(62, 1)),
    "two kinds, wrong at the end": (json_schema(alternatives(2)), nested(62, {"kind": "zz"}, kind="k1")),
    "ten kinds, wrong at the end": (json_schema(alternatives(10)), nested(12, {"kind": "zz"}, kind="k1")),
    "two kinds that are not said": (json_schema(alternatives(2, size={"type": "number"})), nested(62, {"size": ""})),
    "two models": (pydantic(TREES), nested(62, {"kind": "zz"}, kind="b")),
    "two models, told apart": (pydantic(TOLD_APART), nested(62, {"kind": "zz"}, kind="b")),
    "a wide one": (json_schema(alternatives(2)), {"child": {"more": [nested(3, 1)] * 2_000}}),
}


@pytest.mark.parametrize("case", DEEP)
def test_no_answer_takes_longer_than_a_tenth_of_a_second_to_check(case: str) -> None:
    """An answer of 62 levels is 600 characters; trying every alternative on each would never end."""
    schema, answer = DEEP[case]
    assert processor_ms(lambda: schema.validate(answer)) < MOST_MS


@pytest.mark.parametrize("case", [case for case in DEEP if case != "a wide one"])
def test_an_answer_that_is_wrong_far_down_is_refused(case: str) -> None:
    """It fails, whether or not it can be told where."""
    schema, answer = DEEP[case]
    assert schema.validate(answer).failures


@pytest.mark.parametrize("schema", [json_schema(alternatives(10)), pydantic(TOLD_APART)])
def test_a_deep_answer_of_kinds_that_are_told_apart_is_accepted(schema: OutputSchema) -> None:
    """Depth alone is no fault."""
    kind = "k1" if "k1" in schema.json_schema["$defs"] else "b"  # type: ignore[operator]
    assert schema.validate(nested(60, {"kind": kind}, kind=kind)).output is not None


OPEN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "prices": {"type": "object", "additionalProperties": {"type": "number"}},
        "codes": {"patternProperties": {"^x": {"type": "number"}}, "propertyNames": {"pattern": "^[xy]"}},
        "names": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}},
        "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        "last": {"type": "object", "properties": {"a": {}}, "unevaluatedProperties": False},
        "few": {"type": "object", "maxProperties": 1, "dependentRequired": {"a": ["b"]}},
    },
}
OPEN_MODEL = """
from pydantic import BaseModel, ConfigDict
class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 0
class Output(BaseModel):
    total: float = 0
    prices: dict[str, float] = {}
    codes: dict[int, float] = {}
    names: list[dict[str, str]] = []
    closed: Closed = Closed()
"""
KEYS = st.sampled_from(
    [SECRET, f"x{SECRET}", f"{SECRET}]", f"[{SECRET}", f".{SECRET}", "[0]", "]", ".", "", "a", "b", "*"]
)
VALUES = st.sampled_from([SECRET, 1, None, True, [], {}, [SECRET], {SECRET: SECRET}])
MEMBERS = st.dictionaries(KEYS, VALUES, max_size=3)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "total": VALUES,
        **dict.fromkeys(("prices", "codes", "closed", "last", "few"), MEMBERS | VALUES),
        "names": st.lists(MEMBERS, max_size=2) | VALUES,
        SECRET: VALUES,
        f"{SECRET}]": VALUES,
    },
)


def task(output: PydanticSchema | JsonSchema) -> CompiledTask:
    """Compile a task with every check that looks at keys of the answer's own."""
    tiers = tuple(
        TierSpec(name=name, model=name, system="", user="{{ text }}", ask="failed_fields") for name in ("cheap", "dear")
    )
    checks = ChecksSpec(
        grounded=("prices", "names"),
        confidence=ConfidenceSpec(min=0.9, source="logprobs"),
        agreement=AgreementSpec(model="other", fields=("total",), tiers=("cheap",)),
    )
    return CompiledTask(FrozenTask(name="t", output=output, tiers=tiers, checks=checks))


def completion(answer: object) -> Completion:
    """Return an answer whose every letter is a token the model was unsure of."""
    text = json.dumps(answer)
    unsure = tuple(TokenLogprob(letter, -1.0) for letter in text)
    return Completion(text, FinishReason.STOP, TokenUsage(1, 1), "cheap", 1.0, logprobs=unsure)


DESCRIBED = dict(describe_pydantic(OPEN_MODEL, "Output"))
OPEN_TASKS = [
    task(JsonSchema(json_schema=OPEN)),
    task(PydanticSchema(source=OPEN_MODEL, class_name="Output", json_schema=DESCRIBED)),
]


@pytest.mark.parametrize("compiled", OPEN_TASKS)
@given(answer=ANSWERS, second=ANSWERS)
def test_no_failure_holds_a_key_or_a_value_of_the_answer(
    compiled: CompiledTask, answer: dict[str, Any], second: dict[str, Any]
) -> None:
    """Failures are counted in reports and told in errors and telemetry, where no word of a document belongs."""
    verdict = compiled.judge(completion(answer), "the document")
    verdict = compiled.judge_second_opinion(verdict, completion(second))
    told = [(failure.field, failure.reason) for failure in verdict.failures]
    assert SECRET not in str(told)


@pytest.mark.parametrize("compiled", OPEN_TASKS)
@given(answer=ANSWERS)
def test_failed_fields_are_found_whatever_keys_an_answer_has(compiled: CompiledTask, answer: dict[str, Any]) -> None:
    """A bracket in a key raised once, so that its item was asked three times and put aside."""
    assert set(compiled.failed_fields(compiled.judge(completion(answer), "text"))) <= set(OPEN["properties"])
