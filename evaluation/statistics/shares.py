"""Bounds for a share: how many of all would be right, from those that were looked at."""

from __future__ import annotations

from evaluation.statistics.extra import scipy_stats
from routing.confidence_sequence import Interval


def wilson(successes: int, trials: int, confidence: float) -> Interval:
    """Return where a share lies (Wilson, "Probable inference, the law of succession, and statistical inference", 1927).

    Anywhere from 0 to 1 where nothing was tried.
    """
    if not trials:
        return Interval(0.0, 1.0)
    found = scipy_stats().binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def highest_share(successes: int, trials: int, confidence: float) -> float:
    """Return what a share does not exceed; it holds with at least `confidence`, however few were tried.

    The one-sided upper bound of Clopper and Pearson ("The use of confidence or fiducial limits", Biometrika, 1934).
    """
    if successes >= trials:
        return 1.0
    return float(scipy_stats().beta.ppf(confidence, successes + 1, trials - successes))
