"""Small safe expressions over the fields of a JSON object: `lines == [] or abs(sum(lines[*].amount) - total) <= 0.05`.

An expression is read once, into a tree of what is listed here and nothing else, and becomes a function; nothing in it
can reach a Python object. `docs/checks.md` describes the language for users. What differs from Python:

- numbers are exact decimals, so that 10.05 - 10.00 is 0.05;
- a field is written as its path; `lines[*].amount` is the list of the amounts; a missing field is null;
- text stands between quotes as it is: a backslash is a backslash;
- an expression gives true or false, or it cannot be evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from routing.expressions.compared_texts import compared_texts
from routing.expressions.evaluation import Evaluate, function_of
from routing.expressions.syntax import ExpressionProblem, parse_expression
from routing.field_path import EACH, take
from routing.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject, JsonValue


@immutable
class Outcome:
    """Whether an expression holds; `problem` says why it could not be evaluated, and then it does not hold."""

    holds: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; `paths` are the fields it reads, `texts` by path the literals it compares them with."""

    source: str
    paths: Mapping[str, tuple[str | int, ...]]
    texts: Mapping[str, frozenset[str]]
    _value: Evaluate

    def evaluate(self, values: JsonObject) -> Outcome:
        """Evaluate over the fields of one object. Never raises; safe to call from several threads."""
        try:
            result = self._value(values)
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            return Outcome(holds=False, problem=self._why_not(values))
        if isinstance(result, bool):
            return Outcome(holds=result)
        return Outcome(holds=False, problem="it gives neither true nor false")

    def _why_not(self, values: JsonObject) -> str:
        nulls = [path for path, steps in self.paths.items() if _is_null(_resolve(values, steps))]
        if nulls:
            return f"{', '.join(f'`{path}`' for path in nulls)} is null or missing"
        return "its operations do not fit the values' types"


def compile_expression(source: str, fields: frozenset[str]) -> Expression | ExpressionProblem:
    """Compile an expression over a schema's `field_names`, or say what is wrong with it and where."""
    parsed = parse_expression(source, fields)
    if isinstance(parsed, ExpressionProblem):
        return parsed
    paths = parsed.paths

    def reading(path: str) -> Evaluate:
        steps = paths[path]
        return lambda values: _resolve(values, steps)

    return Expression(source, paths, compared_texts(parsed.tree), function_of(parsed.tree, reading))


def _resolve(value: JsonValue, steps: tuple[str | int, ...]) -> Any:  # noqa: ANN401  JSON, with decimals for floats
    """Read a path. Nothing has no elements to list: null stays null, rather than an empty list that sums to 0."""
    for position, step in enumerate(steps):
        if step == EACH:
            if not isinstance(value, list):
                return None
            return _flat([_resolve(element, steps[position + 1 :]) for element in value], steps[position + 1 :])
        value = take(value, step)
    return _exact(value)


def _flat(values: list[Any], rest: tuple[str | int, ...]) -> list[Any]:
    if EACH not in rest:
        return values
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def _exact(value: JsonValue) -> Any:  # noqa: ANN401  JSON, with decimals for floats
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [_exact(element) for element in value]
    if isinstance(value, dict):
        return {key: _exact(member) for key, member in value.items()}
    return value


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, list) and None in value)
