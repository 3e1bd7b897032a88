"""Which checks there are: from a task's `checks:` to what runs on every output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.checks.confidence import LogprobsCheck, SelfReportCheck
from routing.checks.grounding import GroundingCheck
from routing.checks.length import LengthCheck
from routing.checks.rules import RulesCheck, compile_rules
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.checks.check import Check
    from routing.task import ChecksSpec, ConfidenceSpec


def compile_checks(spec: ChecksSpec, fields: frozenset[str]) -> tuple[Check, ...]:
    """Compile the checks of one answer by itself, in the order they are told.

    `fields` are the schema's `field_names`. Raises UsageError where a rule or a field is wrong; a task file that was
    checked has none.
    """
    try:
        return tuple(_checks(spec, fields))
    except ValueError as error:
        raise UsageError(f"The task's checks are wrong: {error}") from None


def _checks(spec: ChecksSpec, fields: frozenset[str]) -> Iterator[Check]:
    if spec.grounded:
        yield GroundingCheck(spec.grounded)
    if spec.rules:
        rules = compile_rules(spec.rules, fields)
        if not isinstance(rules, RulesCheck):
            raise ValueError("; ".join(f"rule {problem.rule_index + 1}: {problem.message}" for problem in rules))
        yield rules
    if spec.confidence is not None:
        yield _confidence(spec.confidence)
    if spec.max_output_chars is not None:
        yield LengthCheck(spec.max_output_chars)


def _confidence(spec: ConfidenceSpec) -> Check:
    return LogprobsCheck(spec.min) if spec.source == "logprobs" else SelfReportCheck(spec.min)
