"""Whether the cheaper way may be used: from the difference in right documents, and from how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evaluation.statistics.needed import more_needed
from evaluation.statistics.pairs import PairedCounts, newcombe

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing.confidence_sequence import Interval

MARGIN = 0.03
"""Three points: what is lost at most where a task names no margin of its own."""
AGGRESSIVE = 5 / 3
"""Margins: a drop beyond this many is too aggressive. Five points for a margin of three."""


class Safety(StrEnum):
    """What follows from a comparison with the last tier."""

    SAFE = "safe"  # the whole interval lies within the margin
    WATCH = "watch"  # surely worse, by more than the margin
    TOO_AGGRESSIVE = "too_aggressive"  # surely worse, by more than five thirds of the margin
    NOT_ENOUGH_DATA = "not_enough_data"  # none of these is shown


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of candidate less baseline, as a share of documents, and what follows.

    `more_needed` is how many further documents would show it safe, or surely worse, if the rates stay as they are; None
    where something is shown already, or no number would do.
    """

    safety: Safety
    counts: PairedCounts
    interval: Interval
    margin: float
    confidence: float
    more_needed: int | None

    @property
    def difference(self) -> float:
        """The candidate's share of right documents less the baseline's."""
        return self.counts.difference


def assess(counts: PairedCounts, margin: float, confidence: float) -> Assessment:
    """Judge a candidate by its pairs with the baseline; `confidence` is that of the two-sided interval.

    The burden of proof is the candidate's. It is safe only where the interval excludes a drop beyond the margin. A drop
    that was measured beyond the margin is told only where the interval excludes that there is none.
    """
    interval = newcombe(counts, confidence)
    drop = -counts.difference

    def is_safe(scaled: PairedCounts) -> bool:
        return newcombe(scaled, confidence).low >= -margin

    def is_worse(scaled: PairedCounts) -> bool:
        return newcombe(scaled, confidence).high < 0

    needed = None
    if is_safe(counts):
        safety = Safety.SAFE
    elif drop > margin and is_worse(counts):
        safety = Safety.TOO_AGGRESSIVE if drop > margin * AGGRESSIVE else Safety.WATCH
    else:
        safety = Safety.NOT_ENOUGH_DATA
        needed = _more_needed(counts, is_worse if drop > margin else is_safe)
    return Assessment(safety, counts, interval, margin, confidence, needed)


def _more_needed(counts: PairedCounts, is_shown: Callable[[PairedCounts], bool]) -> int | None:
    return more_needed(counts.documents, lambda documents: is_shown(_scaled(counts, documents)))


def _scaled(counts: PairedCounts, documents: int) -> PairedCounts:
    if not counts.documents:
        return PairedCounts(documents, 0, 0, 0)
    share = documents / counts.documents
    better, worse, neither = (round(count * share) for count in (counts.better, counts.worse, counts.neither))
    return PairedCounts(documents - better - worse - neither, better, worse, neither)
