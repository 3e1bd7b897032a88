"""The language of expressions: their text becomes a tree that holds fields, constants, operators and function calls.

Everything that is not listed here is a mistake, told with its column. Fields become names (`lines[*].amount` is one
name), so that the tree has no attribute and no subscript left to evaluate.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from routing.closest import closest
from routing.expressions.functions import FUNCTIONS
from routing.field_path import EACH, check_path, format_path
from routing.strict_json import MAX_INTEGER

MAX_EXPRESSION_CHARS = 1000
MAX_EXPRESSION_NODES = 200
_MAX_NESTING = 20
_MAX_PATTERN_MEMORY_BYTES = 1 << 20

_CONSTANTS = {"null": None, "true": True, "false": False}
_OPERATORS = (
    *(ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Div),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
)
_KNOWN_OPERATORS = "there are and or not in + - * / == != < <= > >="
_TEXT_OR_EACH = re.compile(r"""(?P<quote>["'])(?P<text>.*?)(?P=quote)|\[\s*\*\s*\]""")


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """What is wrong with an expression; `column` counts its characters from 1."""

    column: int
    message: str


@dataclass(frozen=True, slots=True)
class ParsedExpression:
    """A tree of allowed nodes, and the paths of the fields in it with their steps."""

    tree: ast.expr
    paths: dict[str, tuple[str | int, ...]]


class _MistakeError(Exception):
    def __init__(self, column: int, message: str) -> None:
        super().__init__(column, message)
        self.problem = ExpressionProblem(column, message)


def parse_expression(source: str, fields: frozenset[str]) -> ParsedExpression | ExpressionProblem:
    """Read an expression over these fields, or say what is wrong with it. Never raises."""
    if len(source) > MAX_EXPRESSION_CHARS:
        return ExpressionProblem(MAX_EXPRESSION_CHARS, f"it is longer than {MAX_EXPRESSION_CHARS} characters")
    if not source.strip():
        return ExpressionProblem(1, "it is empty")
    try:
        return _Reader(source, fields).read()
    except _MistakeError as mistake:
        return mistake.problem


class _Reader:
    """Reads one expression."""

    def __init__(self, source: str, fields: frozenset[str]) -> None:
        self._fields = fields
        self._texts: dict[int, str] = {}
        self._paths: dict[str, tuple[str | int, ...]] = {}
        self._nodes = 0
        python = _TEXT_OR_EACH.sub(self._stand_in, re.sub(r"\s", " ", source))
        self._python = python.lstrip()
        self._indent = len(python) - len(self._python)

    def read(self) -> ParsedExpression:
        """Read the whole of it. Raises _MistakeError."""
        try:
            tree = _parse(self._python)
        except SyntaxError as error:
            column = error.offset or len(self._python) + 1  # 0 where it ends too early
            raise _MistakeError(column + self._indent, f"it cannot be read: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError):
            raise _MistakeError(1, "it holds a character or a nesting that cannot be read") from None
        return ParsedExpression(self._translate(tree, 0), self._paths)

    def _stand_in(self, match: re.Match[str]) -> str:
        """Put Python of the same length where Python would read something else: text without escapes, `[:]`."""
        if match["quote"] is None:
            return f"[{':'.center(len(match.group()) - 2)}]"
        self._texts[match.start()] = match["text"]
        return f"{match['quote']}{'x' * len(match['text'])}{match['quote']}"

    def _mistake(self, node: ast.expr, message: str) -> _MistakeError:
        return _MistakeError(self._offset(node) + 1, message)

    def _offset(self, node: ast.expr) -> int:
        """Find a node's place in the source; Python counts bytes where people count characters."""
        return len(self._python.encode()[: node.col_offset].decode()) + self._indent

    def _translate(self, node: ast.expr, nesting: int) -> ast.expr:
        self._nodes += 1
        if self._nodes > MAX_EXPRESSION_NODES or nesting > _MAX_NESTING:
            raise self._mistake(node, "it is too long or nested too deeply; make several of it")
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._field(node)
            case ast.Call():
                return self._call(node, nesting + 1)
            case ast.BoolOp() | ast.UnaryOp() | ast.BinOp() | ast.Compare() | ast.List():
                return self._operation(node, nesting + 1)
            case _:
                raise self._mistake(node, f"expressions have no {type(node).__name__}")

    def _constant(self, node: ast.Constant) -> ast.expr:
        value = node.value
        if isinstance(value, str):
            return _constant(self._text(node))
        if isinstance(value, float) and math.isfinite(value):
            return _constant(Decimal(repr(value)))
        if value is None or isinstance(value, bool) or (isinstance(value, int) and value <= MAX_INTEGER):
            return node
        raise self._mistake(node, "this is no value of JSON, or too large a number")

    def _text(self, node: ast.Constant) -> str:
        text = self._texts.get(self._offset(node))
        if text is None or len(text) != len(str(node.value)):
            raise self._mistake(node, "text is written in one pair of quotes, without a letter before them")
        return text

    def _field(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name) and node.id in _CONSTANTS and node.id not in self._fields:
            return _constant(_CONSTANTS[node.id])
        steps = tuple(self._steps(node))
        path = format_path(steps)
        problem = check_path(path, self._fields)
        if problem is not None:
            is_function = path in FUNCTIONS
            raise self._mistake(node, f"`{path}` is a function; call it: `{path}(...)`" if is_function else problem)
        self._paths[path] = steps
        return ast.Name(id=path, ctx=ast.Load())

    def _steps(self, node: ast.expr) -> list[str | int]:
        """Unfold `lines[*].amount` from its end to its beginning."""
        steps: list[str | int] = []
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                steps.append(node.attr)
            elif isinstance(node, ast.Subscript):
                steps.append(self._index(node.slice))
            else:
                raise self._mistake(node, "only a field has members and elements")
            node = node.value
        return [node.id, *reversed(steps)]

    def _index(self, node: ast.expr) -> str | int:
        match node:
            case ast.Slice(lower=None, upper=None, step=None):
                return EACH
            case ast.Constant(value=int(index)) if not isinstance(index, bool) and index <= MAX_INTEGER:
                return index
            case _:
                raise self._mistake(node, "an element is chosen by its number or by *")

    def _operation(self, node: ast.expr, nesting: int) -> ast.expr:
        """Take over an operator or a list, with what it works on."""
        for operator in _operators(node):
            if not isinstance(operator, _OPERATORS):
                raise self._mistake(node, f"expressions have no operator {type(operator).__name__}; {_KNOWN_OPERATORS}")
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, name, self._translate(value, nesting))
            elif isinstance(value, list):
                parts = [self._translate(part, nesting) if isinstance(part, ast.expr) else part for part in value]
                setattr(node, name, parts)
        return node

    def _call(self, node: ast.Call, nesting: int) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        function = FUNCTIONS.get(name)
        if function is None:
            near = closest(name, FUNCTIONS)
            guess = f"did you mean `{near}`?" if near else f"there are {', '.join(FUNCTIONS)}"
            raise self._mistake(node, f"no function is called `{name}`; {guess}")
        if node.keywords or not function.least <= len(node.args) <= function.most:
            raise self._mistake(node, f"`{name}` is called as {function.usage}")
        if name == "matches":
            return self._matches(node, nesting)
        node.args = [self._translate(argument, nesting) for argument in node.args]
        return node

    def _matches(self, node: ast.Call, nesting: int) -> ast.expr:
        """Compile the pattern now: it is the same for every output."""
        value, pattern = node.args
        if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            raise self._mistake(pattern, "the pattern of `matches` is text in quotes")
        text = self._text(pattern)
        try:
            compiled = _pattern(text)
        except ValueError as error:
            raise self._mistake(pattern, f"not a pattern of RE2: {error}") from None
        node.args = [self._translate(value, nesting), _constant(compiled)]
        return node


def _parse(python: str) -> ast.expr:
    """Parse, with what Python merely warns of (`1or 2`) as a mistake too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ast.parse(python, mode="eval").body


def _operators(node: ast.expr) -> list[ast.AST]:
    if isinstance(node, ast.Compare):
        return list(node.ops)
    return [node.op] if isinstance(node, ast.BoolOp | ast.UnaryOp | ast.BinOp) else []


def _constant(value: Any) -> ast.Constant:  # noqa: ANN401  decimals and patterns, which Python's own trees never hold
    return ast.Constant(value=value)


def _pattern(text: str) -> Any:  # noqa: ANN401  re2 has no types
    """Compile a pattern. Raises ValueError that says what is wrong with it."""
    import re2  # 1.5 MB, which most workers do without

    options = re2.Options()
    options.max_mem = _MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True  # finding out what a group held takes five times as long, and nobody asks
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise ValueError(_said_by_re2(error)) from None


def _said_by_re2(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
