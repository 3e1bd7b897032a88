"""A tree of an expression becomes a function of the fields' values."""

from __future__ import annotations

import ast

import pytest

from routing.expressions.evaluation import Evaluate, function_of


def _value(python: str, **values: object) -> object:
    def reading(path: str) -> Evaluate:
        return lambda given: given[path]

    return function_of(ast.parse(python, mode="eval").body, reading)(values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("python", "value"),
    [
        ("1 + 2 * a", 7),
        ("-a / 2", -1.5),
        ("[a, 1]", [3, 1]),
        ("0 < a <= 3 < 4", True),
        ("0 < a < 3 < 4", False),
        ("a in [1, 3] and a not in [2]", True),
        ("not a == 3 or a > 2", True),
        ("max(a, 5)", 5),
        ("abs(0 - a)", 3),
    ],
)
def test_it_comes_to_what_it_says(python: str, value: object) -> None:
    """Operators, comparisons of several, choices, lists and functions."""
    assert _value(python, a=3) == value


@pytest.mark.parametrize("python", ["a == 3 or missing", "a == 4 and missing", "a == 4 == missing"])
def test_what_decides_nothing_is_not_read(python: str) -> None:
    """As in Python, the rest of a choice that is decided is not looked at, nor of a comparison that fails."""
    assert _value(python, a=3) == (python == "a == 3 or missing")


def test_what_is_no_part_of_the_language_is_refused() -> None:
    """The reader lets none of it through; if it did, nothing would be run."""
    with pytest.raises(TypeError, match="no Lambda"):
        _value("lambda: 1")
