"""What documents that are still to come will bring, from those that were seen: intervals for their count or total.

Unlike intervals for a mean, they hold the chance of the new documents as well: for few of them they are wide, however
many were seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.statistics.extra import scipy_stats
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_SLOPE = 10
"""Documents from which on a total is told from their lengths: a line through fewer follows chance."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Documents to come: how many, and their mean length."""

    count: int
    mean_length: float


def predicted_count(successes: int, trials: int, fresh: int, confidence: float) -> Interval:
    """Return how many of `fresh` documents to come will be successes; any number where nothing was tried.

    The joint sampling interval of Krishnamoorthy and Peng, "Improved closed-form prediction intervals for binomial and
    Poisson distributions" (Journal of Statistical Planning and Inference, 2011): the counts for which a score test does
    not tell the two samples apart, which is a quadratic inequality. Widened to whole documents.
    """
    if not trials or not fresh:
        return Interval(0.0, float(fresh))
    together = trials + fresh
    squared = _z(confidence) ** 2 * trials * fresh / together
    leading = trials**2 + squared
    half = trials * fresh * successes + squared * (together - 2 * successes) / 2
    constant = (fresh * successes) ** 2 - squared * successes * (together - successes)
    root = math.sqrt(max(0.0, half * half - leading * constant))
    low, high = (half - root) / leading, (half + root) / leading
    return Interval(max(0.0, math.floor(low)), min(float(fresh), math.ceil(high)))


def predicted_total(lengths: Sequence[int], values: Sequence[float], fresh: Fresh, confidence: float) -> Interval:
    """Return where the total of a figure lies over documents to come; figures are not negative.

    From ten documents of different lengths on, each value is taken to grow evenly with its document's length, and the
    interval is that for the mean of new observations on a least-squares line (Draper and Smith, "Applied Regression
    Analysis", 1998, section 3.1); otherwise it is that for the mean of a normal sample. Unbounded for fewer than two
    documents.
    """
    if not fresh.count:
        return Interval(0.0, 0.0)
    count = len(values)
    if count < 2:  # noqa: PLR2004 - one document says nothing of others
        return Interval(0.0, math.inf)
    mean_length, mean = math.fsum(lengths) / count, math.fsum(values) / count
    spread = math.fsum((length - mean_length) ** 2 for length in lengths)
    slope, reach, freedom = 0.0, 0.0, count - 1
    if count >= _LEAST_SLOPE and spread > 0:
        slope = (
            math.fsum((length - mean_length) * value for length, value in zip(lengths, values, strict=True)) / spread
        )
        reach, freedom = (fresh.mean_length - mean_length) ** 2 / spread, count - 2
    residuals = (value - mean - slope * (length - mean_length) for length, value in zip(lengths, values, strict=True))
    noise = math.sqrt(math.fsum(residual * residual for residual in residuals) / freedom)
    expected = mean + slope * (fresh.mean_length - mean_length)
    half = _t(confidence, freedom) * noise * math.sqrt(1 / fresh.count + 1 / count + reach)
    return Interval(max(0.0, fresh.count * (expected - half)), max(0.0, fresh.count * (expected + half)))


def mean_within(count: int, mean: float, variance: float, confidence: float) -> Interval:
    """Return where a mean lies: Student's interval, unbounded for fewer than two values. `variance` is unbiased."""
    if count < 2:  # noqa: PLR2004 - one value has no spread
        return Interval(-math.inf, math.inf)
    half = _t(confidence, count - 1) * math.sqrt(variance / count)
    return Interval(mean - half, mean + half)


def _z(confidence: float) -> float:
    return float(scipy_stats().norm.ppf((1 + confidence) / 2))


def _t(confidence: float, freedom: int) -> float:
    return float(scipy_stats().t.ppf((1 + confidence) / 2, freedom))
