"""Intervals for what has no simple distribution, such as costs: documents are drawn again and again from those seen.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), percentile intervals. A document is drawn with all its
figures, so that pairs stay pairs. The draws are seeded: the same figures give the same interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation.statistics.extra import scipy_stats
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESAMPLES = 2_000
_SEED = 20261124
_BATCH_VALUES = 2_000_000
"""Draws times documents that are held at a time: 16 MB for each side."""


def mean_difference(candidate: Sequence[float], baseline: Sequence[float], confidence: float) -> Interval:
    """Return where the mean of candidate less baseline lies; unbounded for fewer than two documents."""
    return _interval(lambda first, second: first.mean(axis=-1) - second.mean(axis=-1), candidate, baseline, confidence)


def saved_share(candidate: Sequence[float], baseline: Sequence[float], confidence: float) -> Interval:
    """Return where the share of the baseline's sum lies that the candidate's saves.

    Unbounded for fewer than two documents, and where the baseline costs nothing.
    """
    if not sum(baseline) > 0:
        return _UNKNOWN
    return _interval(
        lambda first, second: 1 - first.sum(axis=-1) / second.sum(axis=-1), candidate, baseline, confidence
    )


_UNKNOWN = Interval(float("-inf"), float("inf"))


def _interval(
    statistic: Callable[[Any, Any], Any], candidate: Sequence[float], baseline: Sequence[float], confidence: float
) -> Interval:
    if len(candidate) < 2:  # noqa: PLR2004 - one document says nothing of others
        return _UNKNOWN
    stats = scipy_stats()

    def of_draw(first: Any, second: Any, axis: int) -> Any:  # noqa: ANN401, ARG001 - numpy arrays, as scipy hands them over
        return statistic(first, second)

    found = stats.bootstrap(
        (candidate, baseline),
        of_draw,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_VALUES // len(candidate)),
        paired=True,
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=_SEED,
    ).confidence_interval
    return Interval(float(found.low), float(found.high))
