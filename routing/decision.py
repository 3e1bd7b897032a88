"""Which tier an item goes to, and why."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Signal: TypeAlias = bool | int | float | str | None
"""A fact a decision rests on: a number, a flag, or a text that stands in the task file; never text of an item."""


class Layer(StrEnum):
    """Which part of the router decided. Never rename one: they are stored."""

    DEFAULT = "default"  # no layer had a say: the first tier
    RAMP = "ramp"  # the item lies outside the share that may start cheap
    RULE = "rule"
    CLASSIFIER = "classifier"
    ESCALATION = "escalation"  # after a call, from its verdict
    HOLDOUT = "holdout"  # accepted, and run on the last tier as well, to measure


class Cause(StrEnum):
    """Why a call is made, or why none is. Never rename one: they are stored."""

    FIRST_TIER = "first_tier"
    OUTSIDE_RAMP = "outside_ramp"
    RULE_MATCHED = "rule_matched"
    LIKELY_TO_PASS = "likely_to_pass"  # noqa: S105 - no password
    UNLIKELY_TO_PASS = "unlikely_to_pass"  # noqa: S105 - no password
    JUDGE = "judge"  # a cheap model, asked whether the first tier will pass
    VERDICT_FAILED = "verdict_failed"
    FAILED_FIELDS = "failed_fields"  # as verdict_failed, asking for the failed fields only
    FIELDS_NOT_ENOUGH = "fields_not_enough"  # what they were merged into failed: the whole object is asked
    NO_BENEFIT = "no_benefit"  # accepted for review: the next tier mends too little of what failed
    CALL_REFUSED = "call_refused"  # the tier below will never take this document: too long, or declined
    REPAIR = "repair"  # the same tier again, told which checks failed
    HOLDOUT = "holdout"
    AGREEMENT = "agreement"  # a second cheap model, asked for its opinion in the same tier


class ThresholdSource(StrEnum):
    """Where the probability comes from above which an item starts cheap. Never rename one: they are stored."""

    COST = "cost"  # cost of the cheap call over cost of the expensive one
    QUALITY = "quality"  # the quality target asks for more than the cost does
    TYPED = "typed"  # a person wrote it into the task file


class Decision(NamedTuple):
    """The tier an item goes to, taken by `layer` because of `cause`.

    `rule` is the id of the rule that matched. `probability` is the classifier's that the cheap tier passes, `threshold`
    the least it was compared with. `version` names what decided: `task:9f31c2ab77e0`, `rollout:3`, `classifier:2`.
    `signals` are the facts it rests on.
    """

    tier: str
    layer: Layer
    cause: Cause
    rule: str = ""
    probability: float | None = None
    threshold: float | None = None
    threshold_source: ThresholdSource | None = None
    version: str = ""
    signals: Mapping[str, Signal] = MappingProxyType({})
