"""How sure a classifier must be for the task's quality target to hold, shown on documents both tiers answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from evaluation.calibration.risk_control import least_needed
from evaluation.statistics.shares import highest_share
from routing.classifier.features import features_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.pair_comparison import PairComparison
    from routing.classifier.linear_model import LinearModel
    from routing.task import TargetSpec
    from storage.outcomes import MeasuredPair

STEPS = 20
"""Thresholds that are tried, from the surest documents to all of them."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The least probability at which the target was shown to hold, None where it was at none.

    `needed` is how many measured documents it takes at least, were none of them to differ.
    """

    threshold: float | None
    pairs: int
    differing: int
    needed: int
    margin: float
    confidence: float

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def quality_threshold(
    model: LinearModel, measured: Sequence[MeasuredPair], compare: PairComparison, target: TargetSpec
) -> Quality:
    """Return the least threshold above which no more than the target's margin of accepted answers differ.

    Thresholds are tried in a fixed sequence, surest documents first, and the first one that cannot be shown ends it, so
    that trying many needs no correction (Angelopoulos and others, "Learn then Test", 2021, section 3.3). Each is shown
    by the upper bound of Clopper and Pearson (1934). An answer that differs from the last tier's counts as worse,
    though it may be the better one; a pair whose other answer cannot be read is left out.
    """
    told = [
        (model.probability(features_of(pair.text, pair.pages)), bool(fields))
        for pair in measured
        if (fields := compare.differing(pair.output, pair.answer)) is not None
    ]
    told.sort(key=lambda pair: -pair[0])
    alpha = 1 - target.confidence
    needed = least_needed(target.margin, alpha)
    threshold = None
    for count in _counts(needed, len(told)):
        differing = sum(differs for _, differs in told[:count])
        if highest_share(differing, count, target.confidence) > target.margin:
            break
        threshold = told[count - 1][0] if count < len(told) else 0.0
    return Quality(threshold, len(told), sum(differs for _, differs in told), needed, target.margin, target.confidence)


def _counts(least: int, most: int) -> list[int]:
    if most < least:
        return []
    return sorted({least + (most - least) * step // STEPS for step in range(STEPS + 1)})
