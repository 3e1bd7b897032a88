"""Bounds for a share: how many of all would be right, from those that were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.statistics.extra import scipy_stats
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    return highest_shares([successes], [trials], confidence)[0]


def highest_shares(successes: Sequence[int], trials: Sequence[int], confidence: float) -> list[float]:
    """Return `highest_share` of each, in one call of scipy's: that costs as much for one as for many."""
    # Where all were successes nothing bounds the share, and beta has no such parameter: 1 stands in for it.
    failures = [max(1, count - found) for found, count in zip(successes, trials, strict=True)]
    bounds = scipy_stats().beta.ppf(confidence, [found + 1 for found in successes], failures)
    return [
        1.0 if found >= count else float(bound) for found, count, bound in zip(successes, trials, bounds, strict=True)
    ]
