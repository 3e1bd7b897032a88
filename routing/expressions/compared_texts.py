"""Which texts an expression names as values of a field: those it compares the field with, for equality or in a list."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def compared_texts(tree: ast.expr) -> Mapping[str, frozenset[str]]:
    """Return by path the texts a translated tree compares a field with; `'x' in field` names a part, not a value."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for path, text in _named(node):
                found.setdefault(path, set()).add(text)
    return {path: frozenset(texts) for path, texts in found.items()}


def _named(comparison: ast.Compare) -> Iterator[tuple[str, str]]:
    operands = (comparison.left, *comparison.comparators)
    for operator, (left, right) in zip(comparison.ops, pairwise(operands), strict=True):
        match operator, left, right:
            case ast.Eq() | ast.NotEq(), ast.Name(id=path), ast.Constant(value=str(text)):
                yield path, text
            case ast.Eq() | ast.NotEq(), ast.Constant(value=str(text)), ast.Name(id=path):
                yield path, text
            case ast.In() | ast.NotIn(), ast.Name(id=path), ast.List(elts=elements):
                for element in elements:
                    if isinstance(element, ast.Constant) and isinstance(element.value, str):
                        yield path, element.value
            case _:
                pass
