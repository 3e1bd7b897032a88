from __future__ import annotations

from routing.answer import ParsedAnswer
from routing.checks.check import Evidence
from routing.checks.rules import RuleProblem, RulesCheck, compile_rules
from routing.completion import Completion, FinishReason, TokenUsage
from routing.grounding.source_text import SourceText
from routing.verdict import CheckName, Failure

FIELDS = frozenset({"total", "lines", "lines[*]", "lines[*].amount"})
COMPLETION = Completion("{}", FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)


def failures(rules: list[str], output: dict[str, object]) -> tuple[Failure, ...]:
    """Check one output against rules without mistakes."""
    check = compile_rules(rules, FIELDS)
    assert isinstance(check, RulesCheck)
    return check.check(Evidence(output, ParsedAnswer(output), COMPLETION, SourceText(""))).failures


def test_every_rule_that_fails_is_told() -> None:
    """A rule over one field names it; a rule over several names the output, and what it read."""
    found = failures(
        ["total >= 0", "sum(lines[*].amount) == total", "total < 100", "lines[0].amount > 1"],
        {"total": -1, "lines": [{"amount": 1}]},
    )
    assert found == (
        Failure(CheckName.RULES, "total", "`total >= 0`: it is not true"),
        Failure(CheckName.RULES, "", "`sum(lines[*].amount) == total`: it is not true", ("lines[*].amount", "total")),
        Failure(CheckName.RULES, "lines[0].amount", "`lines[0].amount > 1`: it is not true"),
    )


def test_a_rule_that_cannot_be_evaluated_fails_with_its_reason() -> None:
    """Null is no reason to accept, unless the rule says so itself."""
    found = failures(["total >= 0", "total == null or total >= 0"], {})
    assert found == (
        Failure(CheckName.RULES, "total", "`total >= 0`: it cannot be evaluated, `total` is null or missing"),
    )


def test_rules_that_hold_say_nothing() -> None:
    """No failure is no failure."""
    assert failures(["total >= 0"], {"total": 0}) == ()


def test_every_mistake_is_told_with_its_rule_and_column() -> None:
    """The task file's reader turns them into lines."""
    problems = compile_rules(["total >= 0", "totl >= 0", "total >= 0 and abs"], FIELDS)
    assert problems == (
        RuleProblem(1, 1, "the schema has no field `totl`; did you mean `total`?"),
        RuleProblem(2, 16, "`abs` is a function; call it: `abs(...)`"),
    )
