from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.storable import MAX_DEPTH, MAX_ID_CHARS, id_problem, text_problem, value_problem

if TYPE_CHECKING:
    from routing.json_value import JsonValue


@pytest.mark.parametrize("custom_id", ["a", "order 17", "ü/é.pdf", "x" * MAX_ID_CHARS, "日本"])
def test_a_usable_id_has_no_problem(custom_id: str) -> None:
    """Paths, blanks within, and any script can be an id."""
    assert id_problem(custom_id) is None


@pytest.mark.parametrize(
    "custom_id", ["", "  ", "x" * (MAX_ID_CHARS + 1), "a\nb", "a\0", "a\x7f", "a\u2028b", "\udce9"]
)
def test_an_unusable_id_has_a_problem(custom_id: str) -> None:
    """Blank, long, control characters and broken Unicode cannot be an id."""
    assert id_problem(custom_id)


@settings(deadline=None)  # the first example imports the parser
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_text_without_problem_is_unicode_without_nul(text: str) -> None:
    """Any Unicode but NUL can be stored."""
    assert text_problem(text) is None


@pytest.mark.parametrize("text", ["a\0b", "é\0", "a\ud800b", "\udc80"])
def test_nul_and_lone_surrogates_are_problems(text: str) -> None:
    """NUL and lone surrogates cannot be stored."""
    assert text_problem(text)


@pytest.mark.parametrize("value", [{"a": "x\0"}, {"x\0": 1}, {"a": [1, {"b": ["\0"]}]}])
def test_problems_are_found_anywhere_in_a_value(value: JsonValue) -> None:
    """Keys and nested values are looked at."""
    assert value_problem(value)


@pytest.mark.parametrize("value", [None, 1, True, "x", {}, {"a": [None, 1.5, {"b": "c"}]}])
def test_ordinary_values_have_no_problem(value: JsonValue) -> None:
    """Ordinary values can be stored."""
    assert value_problem(value) is None


def _nested(depth: int) -> JsonValue:
    value: JsonValue = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_deep_nesting_is_a_problem() -> None:
    """What is nested deeper than allowed has a problem, and does not end the interpreter's stack."""
    assert value_problem(_nested(MAX_DEPTH)) is None
    assert value_problem(_nested(MAX_DEPTH + 1))
    assert value_problem(_nested(100_000))


def test_what_is_allowed_can_be_written() -> None:
    """The deepest value allowed is one the JSON writer takes."""
    assert orjson.dumps(_nested(MAX_DEPTH))
