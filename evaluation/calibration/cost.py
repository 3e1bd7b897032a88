"""What a document would cost under thresholds, from the calls that were made about it."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from evaluation.calibration.item import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.calibration.item import CalibrationItem


def cost_of(item: CalibrationItem, least: Mapping[Signal, float]) -> int:
    """Return the cost in nano-dollars, call by call as a worker makes them.

    What is sent straight up costs the last tier alone. The second opinion is asked once the other checks have passed,
    and not at all where agreement is not looked at. What does not stand costs the last tier as well, asked for the
    whole object.
    """
    if not item.starts_cheap or not _reaches(item, least, Signal.CLASSIFIER):
        return item.last_cost
    if not item.passes or not _reaches(item, least, Signal.CONFIDENCE):
        return item.first_cost + item.last_cost
    asked = item.first_cost + (item.opinion_cost if least.get(Signal.AGREEMENT, 0.0) > 0 else 0)
    return asked if _reaches(item, least, Signal.AGREEMENT) else asked + item.last_cost


def costs_by_threshold(
    items: Sequence[CalibrationItem], others: Mapping[Signal, float], signal: Signal, thresholds: Sequence[float]
) -> list[int]:
    """Return what all items cost together under each threshold of one signal, in one pass over the items.

    `others` are the thresholds that the other signals have meanwhile.
    """
    ordered = sorted(items, key=lambda item: -item.signals[signal])
    never, barely = {**others, signal: math.inf}, {**others, signal: math.ulp(0.0)}
    missed = [cost_of(item, never) for item in ordered]
    reached = [cost_of(item, barely) for item in ordered]  # of use for what lies above 0 alone
    above = [0, *accumulate(cost - other for cost, other in zip(reached, missed, strict=True))]
    values, all_missed = [-item.signals[signal] for item in ordered], sum(missed)
    return [
        # At 0 a second opinion is not asked at all.
        all_missed + above[bisect_right(values, -threshold)]
        if threshold > 0
        else sum(cost_of(item, {**others, signal: threshold}) for item in items)
        for threshold in thresholds
    ]


def _reaches(item: CalibrationItem, least: Mapping[Signal, float], signal: Signal) -> bool:
    return signal not in least or item.signals[signal] >= least[signal]
