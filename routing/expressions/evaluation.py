"""An expression's tree becomes a function, made once and called for many objects."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from routing.expressions.functions import FUNCTIONS, contains, divide, minus, number_operator, plus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routing.json_value import JsonObject

Evaluate: TypeAlias = "Callable[[JsonObject], Any]"
"""Returns what an expression comes to over one object; raises what its functions and operators do."""

_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: plus, ast.USub: minus, ast.Not: operator.not_}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: number_operator(operator.add),
    ast.Sub: number_operator(operator.sub),
    ast.Mult: number_operator(operator.mul),
    ast.Div: number_operator(divide),
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: contains,
    ast.NotIn: lambda element, container: not contains(element, container),
}


def function_of(node: ast.expr, reading: Callable[[str], Evaluate]) -> Evaluate:
    """Return a tree of `parse_expression` as a function; `reading` gives the one that reads a field's path."""

    def parts(nodes: Sequence[ast.expr]) -> list[Evaluate]:
        return [function_of(inner, reading) for inner in nodes]

    match node:
        case ast.Constant(value=value):
            return lambda _: value
        case ast.Name(id=path):
            return reading(path)
        case ast.List(elts=elements):
            return _call(_listed, parts(elements))
        case ast.BoolOp(op=op, values=values):
            return _choice(parts(values), goes_on=isinstance(op, ast.And))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _comparison(parts([left, *others]), [_COMPARISONS[type(op)] for op in ops])
        case _:
            call, arguments = _applied(node)
            return _call(call, parts(arguments))


def _applied(node: ast.expr) -> tuple[Callable[..., Any], list[ast.expr]]:
    """Return a function or an operator, and what it works on."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name].call, arguments
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)], [operand]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)], [left, right]
        case _:
            raise TypeError(f"expressions have no {type(node).__name__}")


def _listed(*elements: object) -> list[object]:
    return list(elements)


def _call(call: Callable[..., Any], arguments: Sequence[Evaluate]) -> Evaluate:
    if len(arguments) == 1:
        only = arguments[0]
        return lambda values: call(only(values))
    return lambda values: call(*[argument(values) for argument in arguments])


def _choice(parts: Sequence[Evaluate], *, goes_on: bool) -> Evaluate:
    """Take the parts in turn, as long as they are true (`and`) or false (`or`); the last one looked at is the value."""

    def choose(values: JsonObject) -> Any:  # noqa: ANN401  what the part gives
        value = None
        for part in parts:
            value = part(values)
            if bool(value) != goes_on:
                break
        return value

    return choose


def _comparison(parts: Sequence[Evaluate], operators: Sequence[Callable[[Any, Any], Any]]) -> Evaluate:
    """Compare neighbours (`0 <= a < b`), until one pair does not hold."""
    first, pairs = parts[0], tuple(zip(operators, parts[1:], strict=True))

    def compare(values: JsonObject) -> Any:  # noqa: ANN401  what the operator gives
        holds: Any = True
        left = first(values)
        for operate, part in pairs:
            right = part(values)
            holds = operate(left, right)
            if not holds:
                break
            left = right
        return holds

    return compare
