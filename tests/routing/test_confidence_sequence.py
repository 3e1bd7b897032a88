"""Intervals that hold at every look."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from routing.confidence_sequence import Interval, mean_interval, share_interval


@given(st.integers(0, 5000), st.integers(0, 5000), st.floats(0.001, 0.5))
def test_an_interval_of_a_share_holds_what_was_seen(successes: int, failures: int, alpha: float) -> None:
    """It lies in [0, 1], around the observed share; a smaller alpha widens it."""
    trials = successes + failures
    interval = share_interval(successes, trials, alpha)
    assert 0 <= interval.low <= interval.high <= 1
    if trials:
        assert interval.low <= successes / trials <= interval.high
    wider = share_interval(successes, trials, alpha / 2)
    assert wider.low <= interval.low
    assert interval.high <= wider.high


def test_nothing_seen_means_anything_is_possible() -> None:
    """No trials, or too few observations of a mean, tell nothing."""
    assert share_interval(0, 0, 0.05) == Interval(0, 1)
    assert mean_interval(29, 100, 1000, 0.05) == Interval(-math.inf, math.inf)


def test_a_known_interval() -> None:
    """Ten of twenty: every p with ln(p^10 (1-p)^10) > ln(0.05 * B(11, 11)), found here by a grid."""
    least = math.log(0.05) + 2 * math.lgamma(11) - math.lgamma(22)
    grid = [n / 10_000 for n in range(1, 10_000)]
    within = [p for p in grid if 10 * math.log(p) + 10 * math.log(1 - p) > least]
    interval = share_interval(10, 20, 0.05)
    assert abs(interval.low - within[0]) < 2e-4
    assert abs(interval.high - within[-1]) < 2e-4


def test_it_covers_at_every_look_as_often_as_it_says() -> None:
    """Looked at after each of 400 trials, at most alpha of the runs ever exclude the truth."""
    draw = random.Random(20261124)
    wrong = 0
    for _ in range(400):
        successes = 0
        for trial in range(1, 401):
            successes += draw.random() < 0.3
            interval = share_interval(successes, trial, 0.1)
            if not interval.low <= 0.3 <= interval.high:
                wrong += 1
                break
    assert wrong <= 400 * 0.1


def test_the_interval_of_a_mean_narrows_and_covers_at_every_look() -> None:
    """Exponential costs, looked at 100 times: at most alpha of the runs ever exclude the true mean."""
    draw = random.Random(20261124)
    wrong, widths = 0, []
    for _ in range(200):
        total = squares = 0.0
        for count in range(1, 2001):
            cost = draw.expovariate(1 / 5)
            total, squares = total + cost, squares + cost * cost
            if count % 20 == 0 and count >= 100:
                interval = mean_interval(count, total, squares, 0.1)
                if not interval.low <= 5 <= interval.high:
                    wrong += 1
                    break
        widths.append(interval.high - interval.low)
    assert wrong <= 200 * 0.1
    assert min(widths) < 1.2


def test_the_interval_of_a_mean_is_about_as_tight_as_can_be_at_500() -> None:
    """No other rho makes it narrower by more than a thousandth there."""
    count, alpha = 500, 0.025
    widths = [
        math.sqrt(2 * (count * rho + 1) / (count**2 * rho) * math.log(math.sqrt(count * rho + 1) / alpha))
        for rho in (step / 10_000 for step in range(1, 2_000))
    ]
    interval = mean_interval(count, 0, count, alpha)
    assert min(widths) <= interval.high <= min(widths) * 1.001
    assert interval.low == -interval.high
