"""Whether the next tier is expected to mend what failed, learned from what came of earlier escalations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from routing.confidence_sequence import share_interval
from routing.verdict import CheckName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.task import BenefitSpec
    from routing.verdict import Failure

ALPHA = 0.05
"""One in twenty: how often a tier that helps often enough is taken for one that does not, however often one looks."""
_NEVER_ACCEPTED = frozenset({CheckName.PARSE, CheckName.SCHEMA})
"""An output that fails these is no valid output, which nobody can review."""
_POSITION = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class FixRate:
    """How often a failure was tried on the next tier, and how often it was gone there."""

    tried: int
    fixed: int


FailureKind: TypeAlias = tuple[str, str]
"""A check and a field, list positions as `[*]`."""
FixRates: TypeAlias = Mapping[FailureKind, FixRate]


def kind_of(failure: Failure) -> FailureKind:
    """Return what a failure is counted under."""
    return failure.check.value, _POSITION.sub("[*]", failure.field)


def is_hopeless(spec: BenefitSpec, rates: FixRates, failures: Sequence[Failure]) -> bool:
    """Tell whether the next tier surely mends too few of every one of these failures to be worth its price.

    Surely: the upper end of an interval that stays valid however often it is looked at lies below `spec.least`.
    """
    return all(_is_hopeless(spec, rates, failure) for failure in failures)


def _is_hopeless(spec: BenefitSpec, rates: FixRates, failure: Failure) -> bool:
    rate = rates.get(kind_of(failure))
    if failure.check in _NEVER_ACCEPTED or rate is None or rate.tried < spec.min_pairs:
        return False
    return share_interval(rate.fixed, rate.tried, ALPHA).high < spec.least
