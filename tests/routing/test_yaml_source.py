"""YAML with positions: strict about form, exact about places, bounded whatever it is given."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import InvalidFileError
from routing.yaml_source import MAX_CHARACTERS, parse_yaml


def _mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        parse_yaml(text, "file.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_keys_and_values_have_places() -> None:
    """Lines and columns count from 1, and a quoted text begins behind its quote."""
    source = parse_yaml('a: 1\nb:\n  - {c: "text"}\n', "file.yaml")
    assert source.data == {"a": 1, "b": [{"c": "text"}]}
    assert str(source.problem(("b", 0, "c"), "wrong")) == "file.yaml:3:10: wrong"
    assert str(source.problem(("b", 0, "c"), "wrong", "do so", at_key=True)) == "file.yaml:3:6: wrong (do so)"
    assert str(source.problem(("a", "missing"), "wrong")) == "file.yaml:1:4: wrong"
    assert str(source.problem(("nowhere",), "wrong")) == "file.yaml:1:1: wrong"


def test_dates_are_the_text_they_are_written_as() -> None:
    """Nothing in these files is meant as a date."""
    assert parse_yaml("a: 2024-01-01", "f").data == {"a": "2024-01-01"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "f.yaml:1:1: it must be a map"),
        ("- 1", "it must be a map"),
        ("a: 1\na: 2", ":2:1: `a` stands here a second time"),
        ("a: 1\n? [b]\n: 2", ":2:3: keys are text here"),
        ("1: a", ":1:1: keys are text here"),
        ("a: &x 1\nb: *x", ":2:4: aliases are not allowed"),
        ("a: [1", ":"),
        ("a:\t1\n\tb: 2", ":"),
        ("a: !!python/object:os.system x", "this value cannot be read"),
        ("a: !!int x", "this value cannot be read"),
        ("a: !!python/object/apply:os.system [id]", ":1:4: tags are not allowed"),
        ("a: !!set {b}", ":1:4: tags are not allowed"),
        ("a: 1" + ":59" * 30_000, ":1:4: this value cannot be read"),
        ("a: 0x" + "f" * 100_000, ":1:4: this value cannot be read"),
        ("a: " + "[" * 60 + "]" * 60, "too large or too deep"),
        ("a: [" + "1," * 25_000 + "1]", "too large or too deep"),
        ("a: \x00", "this is not YAML"),
        ("x" * (MAX_CHARACTERS + 1), "longer than"),
    ],
)
def test_a_mistake_in_form_is_told_with_its_place(text: str, mistake: str) -> None:
    """Whatever is wrong has one clear line."""
    (told,) = _mistakes(text)
    assert mistake.removeprefix("f.yaml") in told


def test_all_mistakes_in_form_are_told_at_once() -> None:
    """Nobody mends a file one error at a time."""
    assert len(_mistakes("a: 1\na: 2\n3: x\nb: !!int y\n")) == 3


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    """A file that is no YAML is an error with a place, never a traceback."""
    with suppress(InvalidFileError):
        parse_yaml(text, "file.yaml")
