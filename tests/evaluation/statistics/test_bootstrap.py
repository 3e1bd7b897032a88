"""Intervals by drawing again."""

from __future__ import annotations

import math
import random

from evaluation.statistics.bootstrap import mean_difference, saved_share

COSTS = [(1.0, 4.0), (1.5, 5.0), (6.0, 5.5), (1.0, 3.5)] * 25
CHEAP, DEAR = [cheap for cheap, _ in COSTS], [dear for _, dear in COSTS]


def test_pairs_stay_pairs() -> None:
    """A difference that every document has alike has an interval without width, however much documents vary."""
    baseline = [float(number * number) for number in range(50)]
    interval = mean_difference([value - 2.0 for value in baseline], baseline, 0.95)
    assert (interval.low, interval.high) == (-2.0, -2.0)


def test_the_same_figures_give_the_same_interval() -> None:
    """The draws are seeded."""
    assert mean_difference(CHEAP, DEAR, 0.95) == mean_difference(CHEAP, DEAR, 0.95)


def test_the_saved_share_is_that_of_the_sums() -> None:
    """9.5 of 18 are spent: a little under half is saved."""
    interval = saved_share(CHEAP, DEAR, 0.95)
    assert interval.low < 1 - 9.5 / 18 < interval.high
    assert interval.high - interval.low < 0.2


def test_too_little_says_nothing() -> None:
    """One document, or a baseline that costs nothing."""
    assert math.isinf(mean_difference([1.0], [2.0], 0.95).high)
    assert math.isinf(saved_share([0.0, 0.0], [0.0, 0.0], 0.95).low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 100 samples of 100 documents, at least 88 % have the true mean inside their interval of 95 %."""
    draw = random.Random(20261124)
    inside = 0
    for _ in range(100):
        first = [draw.expovariate(1.0) for _ in range(100)]
        interval = mean_difference(first, [draw.expovariate(0.5) for _ in range(100)], 0.95)
        inside += interval.low <= -1.0 <= interval.high
    assert inside >= 100 * 0.88
