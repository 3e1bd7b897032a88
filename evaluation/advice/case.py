"""What advice on routing rests on: what was seen of a cascade's documents, and what it is to be held against."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evaluation.statistics.predictions import mean_within
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence


ENOUGH = 10
"""Documents below which nothing is told of what they cost."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What each of `count` documents cost, in nano-dollars: the mean and the unbiased variance."""

    count: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Costs:
        """Return those of single documents."""
        count = len(values)
        mean = sum(values) / count if count else 0.0
        squares = sum((value - mean) ** 2 for value in values)
        return cls(count, mean, squares / (count - 1) if count > 1 else 0.0)

    def within(self, confidence: float) -> Interval:
        """Return where the mean of documents like these lies; of fewer than ten the spread is not known, nor this."""
        if self.count < ENOUGH:
            return Interval(0.0, math.inf)
        found = mean_within(self.count, self.mean, self.variance, confidence)
        return Interval(max(0.0, found.low), found.high)


@dataclass(frozen=True, slots=True)
class RoutingCase:
    """Documents that were first `tried` below the last tier.

    `settled` were accepted there; of those that were not, the last tier was `asked` about some, and `mended` some of
    these. `below` is what all calls of a document below the last tier cost, `last` what a whole answer of the last tier
    does. Of the `timed` documents, `late` took longer than the latency budget.
    """

    tried: int
    settled: int
    asked: int
    mended: int
    below: Costs
    last: Costs
    timed: int = 0
    late: int = 0
    p95_ms: int | None = None

    def scaled(self, tried: int) -> RoutingCase:
        """Return what so many documents would show, were they like these."""
        share = tried / self.tried if self.tried else 0.0

        def grown(count: int) -> int:
            return round(count * share)

        return replace(
            self,
            tried=tried,
            settled=grown(self.settled),
            asked=grown(self.asked),
            mended=grown(self.mended),
            below=replace(self.below, count=grown(self.below.count)),
            last=replace(self.last, count=grown(self.last.count)),
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What routing has to pay for: `engineering_usd` within `months`, at `items_per_month` (None: not known).

    `latency_budget_ms` is what 95 % of the documents have to keep, None for none.
    """

    items_per_month: float | None
    months: float = 12.0
    engineering_usd: float = 0.0
    latency_budget_ms: int | None = None
    confidence: float = 0.95
