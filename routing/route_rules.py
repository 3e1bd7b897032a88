"""The first layer of the router: conditions over an item's facts, the first that holds decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.expressions.expression import Expression, compile_expression
from routing.item_facts import FACT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from routing.decision import Signal
    from routing.item_facts import ItemFacts
    from routing.task import RouteRuleSpec

CLASSIFY = "classify"
"""What a rule names instead of a tier, to leave the item to the classifier."""


@dataclass(frozen=True, slots=True)
class RouteRuleProblem:
    """A mistake in one rule: which rule, counted from 0, and its column, counted from 1."""

    rule_index: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The rule that held, where it sends the item, and the facts it read."""

    rule: str
    tier: str
    signals: Mapping[str, Signal]


@dataclass(frozen=True, slots=True)
class _Rule:
    spec: RouteRuleSpec
    condition: Expression


class RouteRules:
    """Compiled rules, in their order. Safe between threads."""

    def __init__(self, rules: Iterable[tuple[RouteRuleSpec, Expression]]) -> None:
        self._rules = [_Rule(spec, condition) for spec, condition in rules]

    def first_match(self, facts: ItemFacts) -> RuleMatch | None:
        """Return the first rule that holds; one that cannot be evaluated (pages of a plain text) does not hold."""
        for rule in self._rules:
            # Only what a rule reads is looked up: guessing a language costs more than everything else here.
            names = {str(steps[0]) for steps in rule.condition.paths.values()}
            if rule.condition.evaluate({name: facts.value(name) for name in names}).holds:
                return RuleMatch(rule.spec.id, rule.spec.tier, facts.signals(rule.condition))
        return None

    def flags(self) -> dict[str, str]:
        """Return the deployment's flags that rules read, each with the id of the first rule that does."""
        first: dict[str, str] = {}
        for rule in self._rules:
            for steps in rule.condition.paths.values():
                if steps[0] == "flags" and len(steps) > 1:
                    first.setdefault(str(steps[1]), rule.spec.id)
        return first


def compile_route_rules(rules: Sequence[RouteRuleSpec]) -> RouteRules | tuple[RouteRuleProblem, ...]:
    """Compile rules over the facts of an item, or tell every mistake in them.

    Flags belong to the deployment, which a task file does not know: any name is taken, and one that is not set is null.
    """
    fields = FACT_NAMES | {"flags.*"}
    compiled = [(rule, compile_expression(rule.condition, fields)) for rule in rules]
    problems = tuple(
        RouteRuleProblem(index, expression.column, expression.message.replace("the schema has", "an item has"))
        for index, (_, expression) in enumerate(compiled)
        if not isinstance(expression, Expression)
    )
    return problems or RouteRules(
        (rule, expression) for rule, expression in compiled if isinstance(expression, Expression)
    )
