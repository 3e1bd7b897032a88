"""What a task file says wrongly though its form is right: names that do not exist, rules that do not parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routing.checks.rules import RulesCheck, compile_rules
from routing.comparators import check_comparator
from routing.errors import Problem
from routing.file_errors import MOST_SUGGESTIONS, nearest
from routing.route_rules import CLASSIFY, RouteRules, compile_route_rules
from routing.task import RouteRuleSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.task_file_sections import TaskFile
    from routing.yaml_source import Path, YamlSource

CONDITION_KEYS = ("rollback_if", "promote_if")


def problems_of(parsed: TaskFile, source: YamlSource, fields: frozenset[str]) -> Iterator[Problem]:
    """Yield every mistake in what a task file names; `fields` are its schema's."""
    yield from _field_problems(parsed, source, fields)
    yield from _check_rule_problems(parsed, source, fields)
    yield from _comparator_problems(parsed, source)
    yield from _tier_problems(parsed, source)
    yield from _first_tier_problems(parsed, source)
    yield from _route_problems(parsed, source)
    yield from _condition_problems(parsed, source)


def _field_problems(parsed: TaskFile, source: YamlSource, fields: frozenset[str]) -> Iterator[Problem]:
    named: list[tuple[Path, str, bool]] = [
        (("checks", "grounded", index), name, False) for index, name in enumerate(parsed.checks.grounded)
    ]
    named += [(("compare", name), name, True) for name in parsed.compare]
    if parsed.checks.agreement is not None:
        agreed = enumerate(parsed.checks.agreement.fields)
        named += [(("checks", "agreement", "fields", index), name, False) for index, name in agreed]
    known = f"the schema has: {', '.join(sorted(fields)[:20])}"
    unknown = [place for place in named if place[1] not in fields]
    for number, (path, name, at_key) in enumerate(unknown):
        near = nearest(name, fields) if number < MOST_SUGGESTIONS else ""
        yield source.problem(path, f"the schema has no field `{name}`", near or known, at_key=at_key)


def _check_rule_problems(parsed: TaskFile, source: YamlSource, fields: frozenset[str]) -> Iterator[Problem]:
    compiled = compile_rules(parsed.checks.rules, fields)
    if isinstance(compiled, RulesCheck):
        return
    for wrong in compiled:
        yield _in_expression(source, ("checks", "rules", wrong.rule_index), wrong.column, wrong.message)


def _comparator_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    for name, comparator in parsed.compare.items():
        wrong = check_comparator(comparator)
        if wrong is not None:
            yield source.problem(("compare", name), wrong)


def _tier_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    names = [tier.name for tier in parsed.tiers]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield source.problem(("tiers", index, "name"), f"there is a tier `{name}` already")
    for path, name in _tiers_named(parsed):
        if name not in names:
            yield source.problem(path, f"there is no tier `{name}`", nearest(name, names))


def _first_tier_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    first = parsed.tiers[0]
    for key, given in (("ask", first.ask == "failed_fields"), ("benefit", first.benefit is not None)):
        if given:
            yield source.problem(("tiers", 0, key), "nothing is escalated to the first tier", "say it of a later one")


def _tiers_named(parsed: TaskFile) -> Iterator[tuple[Path, str]]:
    agreement, canary = parsed.checks.agreement, parsed.rollout.canary
    for index, name in enumerate((agreement and agreement.tiers) or ()):
        yield ("checks", "agreement", "tiers", index), name
    for index, rule in enumerate(parsed.route.rules):
        if rule.tier != CLASSIFY:
            yield ("route", "rules", index, "tier"), rule.tier
    if canary is not None:
        yield ("rollout", "canary", "tier"), canary.tier


def _route_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    rules = [RouteRuleSpec(id=rule.id, condition=rule.condition, tier=rule.tier) for rule in parsed.route.rules]
    names = [rule.id for rule in rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield source.problem(("route", "rules", index, "id"), f"there is a rule `{name}` already")
    compiled = compile_route_rules(rules)
    for wrong in () if isinstance(compiled, RouteRules) else compiled:
        yield _in_expression(source, ("route", "rules", wrong.rule_index, "if"), wrong.column, wrong.message)


def _condition_problems(parsed: TaskFile, source: YamlSource) -> Iterator[Problem]:
    for key in CONDITION_KEYS if parsed.rollout.canary is not None else ():
        condition = getattr(parsed.rollout.canary, key)
        if condition is not None and condition.pass_rate_drop is condition.cost_rise is None:
            suggestion = "give `pass_rate_drop`, `cost_rise` or both"
            yield source.problem(("rollout", "canary", key), f"`{key}` says nothing", suggestion, at_key=True)


def _in_expression(source: YamlSource, path: Path, column: int, message: str) -> Problem:
    at = source.problem(path, message)
    quoted: Any = source.data
    for step in path:
        quoted = quoted[step]
    return Problem(at.file, at.line, at.column + column - 1, message, f"in `{quoted}`")
