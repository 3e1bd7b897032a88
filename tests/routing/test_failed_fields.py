"""Which fields may be asked for alone, how, and what their answer becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.completion import Message, Prompt
from routing.failed_fields import ask_for, failed_fields, merged, part_of_schema
from routing.verdict import CheckName, Failure, Verdict

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "company": {"type": "string"},
        "total": {"type": "number"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
    "required": ["company", "total"],
    "additionalProperties": False,
    "$defs": {"Line": {"type": "object"}},
}
OUTPUT = {"company": "Acme", "total": 1, "lines": []}


def _failed(*failures: Failure, schema: dict[str, Any] = SCHEMA) -> tuple[str, ...]:
    return failed_fields(Verdict(OUTPUT, failures), schema)


def test_fields_that_failed_are_named_in_the_schemas_order() -> None:
    """A failure deep within a field is that field's; a rule over several is all of theirs."""
    assert _failed(Failure(CheckName.GROUNDING, "lines[2].name", "")) == ("lines",)
    rule = Failure(CheckName.RULES, "", "", ("lines[*].amount", "total"))
    assert _failed(rule, Failure(CheckName.GROUNDING, "total", "")) == ("total", "lines")


@pytest.mark.parametrize(
    "failures",
    [
        [Failure(CheckName.RULES, "", "")],
        [Failure(CheckName.LENGTH, "", ""), Failure(CheckName.GROUNDING, "total", "")],
        [Failure(CheckName.GROUNDING, name, "") for name in ("company", "total", "lines")],
        [Failure(CheckName.SCHEMA, "surprise", "")],
        [Failure(CheckName.PARSE, "total", "")],
    ],
)
def test_the_whole_is_asked_where_no_part_is_to_blame(failures: list[Failure]) -> None:
    """No field in particular, every field, a field the schema has not, or no object at all."""
    assert _failed(*failures) == ()
    assert failed_fields(Verdict(None, tuple(failures)), SCHEMA) == ()


@pytest.mark.parametrize("keyword", ["anyOf", "allOf", "if", "$ref", "dependentRequired", "minProperties"])
def test_a_schema_with_conditions_on_the_whole_is_asked_whole(keyword: str) -> None:
    """What it says of the object need not hold of a part."""
    assert _failed(Failure(CheckName.GROUNDING, "total", ""), schema=SCHEMA | {keyword: {}}) == ()


def test_the_part_of_a_schema_keeps_what_its_fields_need() -> None:
    """Their schemas, what they refer to, which of them are required."""
    part = part_of_schema(SCHEMA, ["total", "lines"])
    assert part["properties"] == {name: SCHEMA["properties"][name] for name in ("total", "lines")}
    assert part["required"] == ["total"]
    assert (part["$defs"], part["additionalProperties"]) == (SCHEMA["$defs"], False)


def test_a_prompt_for_some_fields_names_them_behind_the_document() -> None:
    """The system message, which a provider may have cached, stays as it is."""
    prompt = Prompt((Message("system", "Extract."), Message("user", "the document")), SCHEMA)
    asked = ask_for(prompt, {"part": True}, ["total", "lines"])
    assert asked.schema == {"part": True}
    assert asked.messages[0] == prompt.messages[0]
    assert asked.messages[1].content.startswith("the document\n\nGive these fields only: `total`, `lines`.")


_VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=5))
_OBJECTS = st.dictionaries(st.sampled_from("abcdef"), _VALUES)


@given(_OBJECTS, _OBJECTS, st.lists(st.sampled_from("abcdef"), unique=True))
def test_a_merged_object_takes_asked_fields_from_the_answer_alone(
    known: dict[str, Any], answer: dict[str, Any], fields: list[str]
) -> None:
    """A value that failed never survives, and one that was not asked for is never replaced."""
    whole = merged(known, answer, fields)
    for name in fields:
        assert (name in whole, whole.get(name)) == (name in answer, answer.get(name))
    for name in set("abcdef") - set(fields):
        assert (name in whole, whole.get(name)) == (name in known, known.get(name))
