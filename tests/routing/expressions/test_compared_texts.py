"""Which texts an expression names as values of a field."""

from __future__ import annotations

import pytest

from routing.expressions.expression import Expression, compile_expression


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("a == 'x' or 'y' != a", {"a": {"x", "y"}}),
        ("a in ['x', 1, b] and b not in ['z']", {"a": {"x"}, "b": {"z"}}),
        ("'x' == a == 'y'", {"a": {"x", "y"}}),
        ("not (len(a) > 3 and a == 'x')", {"a": {"x"}}),
        ("'x' in a or a in 'xyz' or lower(a) == 'x' or a > 'x' or a == 3", {}),
    ],
)
def test_only_equality_and_lists_name_values(source: str, texts: dict[str, set[str]]) -> None:
    """Wherever they stand in the expression; parts, patterns and functions name none."""
    compiled = compile_expression(source, frozenset({"a", "b"}))
    assert isinstance(compiled, Expression)
    assert compiled.texts == texts
