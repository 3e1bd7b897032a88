"""A mean of bounded values, with an interval that holds at every look."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from routing.bounded_mean import BoundedMean
from routing.confidence_sequence import Interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = 1_000
ALPHA = 0.05


def _seldom(draw: random.Random) -> float:
    return float(draw.random() < 0.1)


def _skewed(draw: random.Random) -> float:
    return draw.betavariate(8, 2)


@pytest.mark.parametrize(("value", "mean"), [(_seldom, 0.1), (_skewed, 0.8)])
def test_of_a_thousand_paths_no_more_than_stated_ever_miss_the_mean(
    value: Callable[[random.Random], float], mean: float
) -> None:
    """Looked at after each of 150 values; a path counts as missed where any look missed."""
    draw = random.Random(20261128)
    missed = 0
    for _ in range(PATHS):
        found = BoundedMean(0, 1, ALPHA)
        holds = True
        for _ in range(150):
            found.add(value(draw))
            interval = found.interval()
            holds = holds and interval.low <= mean <= interval.high
        missed += not holds
    assert missed <= PATHS * ALPHA


def test_of_a_thousand_paths_no_more_than_stated_ever_miss_a_share() -> None:
    """The same of `share_interval`, at a share of 4 %; intervals by count are kept, since paths share them."""
    draw = random.Random(20261128)
    known: dict[tuple[int, int], bool] = {}
    missed = 0
    for _ in range(PATHS):
        wrong, holds = 0, True
        for trials in range(1, 301):
            wrong += draw.random() < 0.04
            if (wrong, trials) not in known:
                interval = share_interval(wrong, trials, ALPHA)
                known[wrong, trials] = interval.low <= 0.04 <= interval.high
            holds = holds and known[wrong, trials]
        missed += not holds
    assert missed <= PATHS * ALPHA


def test_it_closes_in_on_the_mean() -> None:
    """After 2 000 values of little spread it is a tenth of what is possible, or less."""
    draw = random.Random(7)
    found = BoundedMean(-1, 1, ALPHA)
    for _ in range(2_000):
        found.add(0.9 + draw.uniform(-0.05, 0.05))
    assert found.count == 2_000
    assert found.mean == pytest.approx(0.9, abs=0.01)
    assert found.interval().high - found.interval().low < 0.2


def test_before_the_first_value_all_is_possible() -> None:
    """And the mean is told as 0."""
    found = BoundedMean(-1, 1, ALPHA)
    assert found.interval() == Interval(-1, 1)
    assert found.mean == 0


def test_a_value_outside_is_refused() -> None:
    """It would make every later interval wrong."""
    with pytest.raises(ValueError, match="outside"):
        BoundedMean(-1, 1, ALPHA).add(1.5)
