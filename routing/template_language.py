"""The language of templates: the part of Jinja's that a prompt needs, with every step counted.

What could run without end or fill the memory is left out (macros, blocks, includes, powers), and what is left is
rewritten so that each operation and each turn of a loop reports to `routing.template_sandbox` before it is made.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_TOKENS = 2_000
CHARGED, STEPS = " charged", " steps"
"""Filters of ours, under names that no template can write."""
METHODS = frozenset(
    {"items", "keys", "values", "get", "strip", "lower", "upper", "title", "startswith", "endswith", "split"}
)
"""What may be called on texts, lists and objects; each takes time that grows with what it is called on."""
_FUNCTIONS = frozenset({"range"})
_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Assign),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.CondExpr, nodes.Keyword, nodes.Slice, nodes.Operand),
)
_ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod)
_LITERALS = (nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair)


class ForbiddenError(Exception):
    """Something Jinja has and templates here have not; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def is_short(environment: Environment, text: str) -> bool:
    """Tell whether a template has few enough words to be compiled. Raises TemplateSyntaxError where it has none."""
    return sum(1 for _ in islice(environment.lexer.tokeniter(text, None), MAX_TOKENS + 1)) <= MAX_TOKENS


def counted(tree: nodes.Template) -> nodes.Template:
    """Return the tree of a template with every step counted. Raises ForbiddenError."""
    checked: nodes.Template = _Counting().visit(tree)
    return checked


class _Counting(NodeTransformer):
    def generic_visit(self, node: nodes.Node, *arguments: object, **options: object) -> nodes.Node:
        if not isinstance(node, _PLAIN):
            raise ForbiddenError(f"templates here have no {type(node).__name__}", node.lineno)
        return super().generic_visit(node, *arguments, **options)

    def _inside(self, node: nodes.Node) -> nodes.Node:
        return super().generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the visitor's own naming
        if node.recursive:
            raise ForbiddenError("templates here have no recursive loops", node.lineno)
        self._inside(node)
        node.iter = _filtered(node.iter, STEPS)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self._inside(node)
        node.expr = _filtered(node.expr, CHARGED)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, CHARGED)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self._inside(node)
        node.nodes = [_filtered(part, CHARGED) for part in node.nodes]
        return node

    def visit_BinExpr(self, node: nodes.BinExpr) -> nodes.Node:  # noqa: N802
        if not isinstance(node, _ARITHMETIC):
            return self.generic_visit(node)
        self._inside(node)
        node.left, node.right = _filtered(node.left, CHARGED), _filtered(node.right, CHARGED)
        return node

    visit_Add = visit_Sub = visit_Mul = visit_Div = visit_FloorDiv = visit_Mod = visit_BinExpr  # noqa: N815

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        self._inside(node)
        node.node = _filtered(node.node, CHARGED)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.node is None:
            raise ForbiddenError("templates here have no filter blocks", node.lineno)
        return self._inside(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        return self._inside(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self._inside(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, CHARGED)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        called = node.node
        name = called.attr if isinstance(called, nodes.Getattr) else getattr(called, "name", "")
        known = METHODS if isinstance(called, nodes.Getattr) else _FUNCTIONS
        if name not in known:
            raise ForbiddenError(f"templates here cannot call `{name}`", node.lineno)
        return self._inside(node)

    def visit_List(self, node: nodes.Expr) -> nodes.Node:  # noqa: N802
        """Take lists of constants: a list that holds another one twice, forty times over, has no end when written."""
        if isinstance(node, nodes.Tuple) and node.ctx == "store":
            return self._inside(node)  # the names of a loop
        if any(not isinstance(inner, (*_LITERALS, nodes.Const)) for inner in node.iter_child_nodes()):
            raise ForbiddenError("lists and objects in templates here hold constants only", node.lineno)
        return self._inside(node)

    visit_Tuple = visit_Dict = visit_Pair = visit_List  # noqa: N815


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
