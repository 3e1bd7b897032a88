"""Rules over facts: the first that holds decides, and a mistake has its column."""

from __future__ import annotations

import pytest

from routing.item_facts import ItemFacts
from routing.json_value import JsonObject
from routing.route_rules import RouteRuleProblem, RouteRules, compile_route_rules
from routing.task import RouteRuleSpec


def _rules(*conditions: str) -> RouteRules | tuple[RouteRuleProblem, ...]:
    return compile_route_rules(
        [RouteRuleSpec(id=f"rule-{n}", condition=text, tier="expensive") for n, text in enumerate(conditions)]
    )


def _match(condition: str, metadata: JsonObject | None = None, pages: int | None = None) -> bool:
    rules = _rules(condition)
    assert isinstance(rules, RouteRules)
    facts = ItemFacts("t", "some text", pages, metadata or {}, {"beta": True}, 0)
    return rules.first_match(facts) is not None


def test_the_first_rule_that_holds_decides() -> None:
    """Later ones are not asked."""
    rules = _rules("characters > 100", "characters > 5", "characters > 1")
    assert isinstance(rules, RouteRules)
    match = rules.first_match(ItemFacts("t", "some text", None, {}, {}, 0))
    assert match is not None
    assert (match.rule, match.tier, dict(match.signals)) == ("rule-1", "expensive", {"characters": 9})


@pytest.mark.parametrize(
    "condition",
    [
        "task == 't'",
        "characters == 9 and tokens == 3",
        "flags.beta",
        "metadata.user == 'gold'",
        "metadata.nested.deep[1] == 2",
        "language == 'en'",
        "hour == 0 and weekday == 4",
        "metadata.user in ['gold', 'silver']",
    ],
)
def test_a_condition_may_ask_every_fact(condition: str) -> None:
    """Task, lengths, language, metadata, flags and the time."""
    assert _match(condition, {"user": "gold", "nested": {"deep": [1, 2]}, "language": "en"})


@pytest.mark.parametrize("condition", ["pages > 3", "flags.unknown", "metadata.user > 3", "metadata.nothing"])
def test_a_condition_that_cannot_be_evaluated_does_not_hold(condition: str) -> None:
    """A text has no pages, a flag is not set, a value is of another kind."""
    assert not _match(condition, {"user": "gold"})


def test_mistakes_are_told_with_rule_and_column() -> None:
    """Every one of them, with what was probably meant."""
    problems = _rules("pages > 3", "pagis > 3", "characters >")
    assert not isinstance(problems, RouteRules)
    assert [(problem.rule_index, problem.column) for problem in problems] == [(1, 1), (2, 13)]
    assert "did you mean `pages`" in problems[0].message
