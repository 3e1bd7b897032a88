"""Which tier an item goes to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """Which part of the router decided."""

    DEFAULT = "default"  # no layer had a say: the first tier
    ESCALATION = "escalation"


class Cause(StrEnum):
    """Why a call is made."""

    FIRST_TIER = "first_tier"
    VERDICT_FAILED = "verdict_failed"
    CALL_REFUSED = "call_refused"  # the tier below will never take this document: too long, or declined
    AGREEMENT = "agreement"  # a second cheap model, asked for its opinion in the same tier


@dataclass(frozen=True, slots=True)
class Decision:
    """The tier an item goes to, taken by `layer` because of `cause`."""

    tier: str
    layer: Layer
    cause: Cause
