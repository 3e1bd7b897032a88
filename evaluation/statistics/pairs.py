"""Two ways to treat the same documents, compared document by document."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.statistics.extra import scipy_stats
from evaluation.statistics.shares import wilson
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Documents by who was right: both, the candidate only (`better`), the baseline only (`worse`), or neither."""

    both: int
    better: int
    worse: int
    neither: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, bool]]) -> PairedCounts:
        """Count pairs of (candidate right, baseline right)."""
        seen = list(pairs)
        both, better, worse = (seen.count(kind) for kind in ((True, True), (True, False), (False, True)))
        return cls(both, better, worse, len(seen) - both - better - worse)

    @property
    def documents(self) -> int:
        """How many documents were compared."""
        return self.both + self.better + self.worse + self.neither

    @property
    def difference(self) -> float:
        """The candidate's share of right documents less the baseline's; 0 where there are none."""
        return (self.better - self.worse) / self.documents if self.documents else 0.0


def newcombe(counts: PairedCounts, confidence: float) -> Interval:
    """Return where the candidate's share less the baseline's lies.

    Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data"
    (Statistics in Medicine, 1998), method 10: Wilson's intervals of both shares, put together with the correlation of
    the pairs. Unlike Wald's interval it has a width where no pair differs.
    """
    total = counts.documents
    if not total:
        return Interval(-1.0, 1.0)
    candidate, baseline = counts.both + counts.better, counts.both + counts.worse
    first, second = wilson(candidate, total, confidence), wilson(baseline, total, confidence)
    down, up = candidate / total - first.low, first.high - candidate / total
    base_down, base_up = baseline / total - second.low, second.high - baseline / total
    together = _correlation(counts)
    return Interval(
        max(-1.0, counts.difference - _added(down, base_up, together)),
        min(1.0, counts.difference + _added(up, base_down, together)),
    )


def mcnemar(counts: PairedCounts) -> float:
    """Return how probable so unequal a split of the pairs that differ is where candidate and baseline are alike.

    McNemar's test ("Note on the sampling error of the difference between correlated proportions", 1947) in its exact
    form: a two-sided binomial test of `better` against `worse`.
    """
    differing = counts.better + counts.worse
    return float(scipy_stats().binomtest(counts.better, differing).pvalue) if differing else 1.0


def _added(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first * first - 2 * correlation * first * second + second * second))


def _correlation(counts: PairedCounts) -> float:
    """Return phi of the pairs, taken towards 0 by Newcombe's continuity correction where it is positive."""
    margins = (
        (counts.both + counts.better)
        * (counts.worse + counts.neither)
        * (counts.both + counts.worse)
        * (counts.better + counts.neither)
    )
    if not margins:
        return 0.0
    product = counts.both * counts.neither - counts.better * counts.worse
    corrected = max(0.0, product - counts.documents / 2) if product > 0 else float(product)
    return corrected / math.sqrt(margins)
