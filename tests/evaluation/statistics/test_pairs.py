"""Comparing two ways document by document."""

from __future__ import annotations

import random

import pytest

from evaluation.statistics.pairs import PairedCounts, mcnemar, newcombe


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        (PairedCounts(36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe 1998, table of methods, method 10
        (PairedCounts(1, 1, 7, 12), -0.5069, -0.0256),  # Fagerland, Lydersen and Laake 2017, airway responsiveness
    ],
)
def test_newcombe_is_the_interval_of_the_literature(counts: PairedCounts, low: float, high: float) -> None:
    """Published examples are reproduced."""
    interval = newcombe(counts, 0.95)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_pairs_that_never_differ_still_leave_doubt() -> None:
    """Forty alike do not show that all are alike: the interval has a width."""
    interval = newcombe(PairedCounts(40, 0, 0, 0), 0.95)
    assert interval.low == pytest.approx(-0.0876, abs=1e-4)
    assert interval.high == -interval.low


def test_no_pairs_say_nothing() -> None:
    """Any difference is possible."""
    none = PairedCounts(0, 0, 0, 0)
    assert (newcombe(none, 0.95).low, newcombe(none, 0.95).high, none.difference) == (-1.0, 1.0, 0.0)


def test_pairs_are_counted_by_who_was_right() -> None:
    """First the candidate, then the baseline."""
    pairs = [(True, True), (True, False), (False, True), (False, True), (False, False)]
    counts = PairedCounts.of(pairs)
    assert counts == PairedCounts(both=1, better=1, worse=2, neither=1)
    assert (counts.documents, counts.difference) == (5, -0.2)


def test_mcnemar_looks_at_pairs_that_differ_alone() -> None:
    """Five to none is as rare as one in sixteen, however many pairs are alike."""
    assert mcnemar(PairedCounts(1000, 0, 5, 30)) == pytest.approx(0.0625)
    assert mcnemar(PairedCounts(10, 0, 0, 3)) == 1.0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 500 samples of 200 pairs with a drop of 4 points, at least 93 % have it inside their interval of 95 %."""
    draw = random.Random(20261124)
    kinds, weights = [(True, True), (True, False), (False, True), (False, False)], [0.85, 0.03, 0.07, 0.05]
    inside = 0
    for _ in range(500):
        interval = newcombe(PairedCounts.of(draw.choices(kinds, weights, k=200)), 0.95)
        inside += interval.low <= -0.04 <= interval.high
    assert inside >= 500 * 0.93
