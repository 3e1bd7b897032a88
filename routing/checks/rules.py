"""The user's rules over the output's fields hold: `total >= 0`, `lines == [] or sum(lines[*].amount) == total`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.checks.check import CheckResult
from routing.expressions.expression import Expression, compile_expression
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.checks.check import Evidence
    from routing.json_value import JsonObject


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """A mistake in one rule: which rule, counted from 0, and its column, counted from 1."""

    rule_index: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class RulesCheck:
    """Refuses an output for which a rule is not true, or cannot be evaluated."""

    rules: tuple[Expression, ...]

    def check(self, evidence: Evidence) -> CheckResult:
        """Evaluate every rule; each that fails is told."""
        failures = [_failure(rule, evidence.output) for rule in self.rules]
        return CheckResult(tuple([failure for failure in failures if failure is not None]))


def compile_rules(rules: Sequence[str], fields: frozenset[str]) -> RulesCheck | tuple[RuleProblem, ...]:
    """Compile rules over a schema's `field_names`, or tell every mistake in them."""
    compiled = [compile_expression(rule, fields) for rule in rules]
    problems = tuple(
        RuleProblem(index, rule.column, rule.message)
        for index, rule in enumerate(compiled)
        if not isinstance(rule, Expression)
    )
    return problems or RulesCheck(tuple(rule for rule in compiled if isinstance(rule, Expression)))


def _failure(rule: Expression, output: JsonObject) -> Failure | None:
    outcome = rule.evaluate(output)
    if outcome.holds:
        return None
    reason = f"it cannot be evaluated, {outcome.problem}" if outcome.problem else "it is not true"
    paths = tuple(sorted(rule.paths))
    # A rule over several fields does not say which of them is wrong.
    only, related = (paths[0], ()) if len(paths) == 1 else ("", paths)
    return Failure(CheckName.RULES, only, f"`{rule.source}`: {reason}", related)
