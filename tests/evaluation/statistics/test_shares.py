"""Bounds for a share."""

from __future__ import annotations

import random

import pytest

from evaluation.statistics.shares import highest_share, wilson


def test_wilson_is_the_interval_of_the_textbook() -> None:
    """81 of 263: 0.2553 to 0.3662 (Newcombe 1998, "Two-sided confidence intervals for the single proportion")."""
    interval = wilson(81, 263, 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_nothing_tried_says_nothing() -> None:
    """Any share is possible."""
    assert (wilson(0, 0, 0.95).low, wilson(0, 0, 0.95).high, highest_share(0, 0, 0.95)) == (0.0, 1.0, 1.0)


def test_no_success_bounds_a_share_by_the_rule_of_three() -> None:
    """None of 300: at most 1 - 0.05 ** (1 / 300), about 3 / 300."""
    assert highest_share(0, 300, 0.95) == pytest.approx(1 - 0.05 ** (1 / 300))


def test_all_successes_bound_nothing() -> None:
    """The share may be 1."""
    assert highest_share(7, 7, 0.95) == 1.0


def test_the_highest_share_is_exceeded_as_seldom_as_stated() -> None:
    """Of 2 000 samples of 60 with a true share of 8 %, at most 5 % have a bound below it."""
    draw = random.Random(20261124)
    broken = sum(highest_share(sum(draw.random() < 0.08 for _ in range(60)), 60, 0.95) < 0.08 for _ in range(2000))
    assert broken <= 2000 * 0.05
