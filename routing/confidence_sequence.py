"""Intervals that hold however often one looks: all of them together cover the truth with the confidence asked for.

An ordinary interval looked at after every item is wrong sooner or later; these may stop and act at any look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TIGHTEST_AT = 500  # values: about when a canary is decided on
_LEAST_VALUES = 30  # the interval of a mean is asymptotic and says nothing about fewer
_RESOLUTION = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """What a quantity lies between, both ends included."""

    low: float
    high: float


def share_interval(successes: int, trials: int, alpha: float) -> Interval:
    """Return where a share lies; over all looks ever, the truth is outside with probability `alpha` at most.

    Robbins' mixture of binomial likelihood ratios over a uniform prior ("Statistical methods related to the law of the
    iterated logarithm", 1970), bounded by Ville's inequality. It holds for any number of trials.
    """
    if not trials:
        return Interval(0.0, 1.0)
    failures = trials - successes
    mixture = math.lgamma(successes + 1) + math.lgamma(failures + 1) - math.lgamma(trials + 2)
    least = mixture + math.log(alpha)

    def holds(share: float) -> bool:
        return successes * math.log(share) + failures * math.log1p(-share) > least

    observed = successes / trials
    return Interval(
        low=_edge(0.0, observed, holds) if successes else 0.0,
        high=_edge(1.0, observed, holds) if failures else 1.0,
    )


def mean_interval(count: int, total: float, total_of_squares: float, alpha: float) -> Interval:
    """Return where a mean lies, from the sums of the values and of their squares; unbounded for fewer than 30 values.

    An asymptotic confidence sequence: `alpha` holds over all looks, as the central limit theorem does, for many values.
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences" (Annals of Statistics, 2024): mean +- sd * sqrt(2 (n rho^2 + 1) / (n^2 rho^2) * log(sqrt(n rho^2 + 1) /
    alpha)), with rho^2 = (-2 log alpha + log(-2 log alpha) + 1) / m, which makes it about as tight as can be at n = m.
    """
    if count < _LEAST_VALUES:
        return Interval(-math.inf, math.inf)
    mean = total / count
    deviation = math.sqrt(max(total_of_squares / count - mean * mean, 0.0))
    evidence = -2 * math.log(alpha)
    rho_squared = (evidence + math.log(evidence) + 1) / _TIGHTEST_AT
    grown = count * rho_squared + 1
    width = deviation * math.sqrt(2 * grown / (count * count * rho_squared) * math.log(math.sqrt(grown) / alpha))
    return Interval(mean - width, mean + width)


def _edge(outside: float, inside: float, holds: Callable[[float], bool]) -> float:
    """Return the end of the interval between a point outside it and one inside, to 1e-9 and never too far in."""
    while abs(inside - outside) > _RESOLUTION:
        middle = (outside + inside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return outside
