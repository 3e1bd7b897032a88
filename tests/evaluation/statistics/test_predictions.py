"""Intervals for documents that are still to come."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.statistics.predictions import Fresh, mean_within, predicted_count, predicted_total

SAMPLES = 400
MISSED_AT_MOST = 0.05 * SAMPLES + 3 * math.sqrt(0.05 * 0.95 * SAMPLES)
"""Five percent, and three standard deviations of the count of misses."""


def test_counts_to_come_are_missed_as_seldom_as_stated() -> None:
    """Of samples of 50 with a share of 30 %, the interval misses the next 200 documents in about 5 %."""
    draw, missed = random.Random(20261128), 0
    for _ in range(SAMPLES):
        seen = sum(draw.random() < 0.3 for _ in range(50))
        later = sum(draw.random() < 0.3 for _ in range(200))
        found = predicted_count(seen, 50, 200, 0.95)
        missed += not found.low <= later <= found.high
    assert missed <= MISSED_AT_MOST


def test_totals_to_come_are_missed_as_seldom_as_stated() -> None:
    """Figures that grow with the length, with noise: the total of 20 new documents is missed in about 5 %."""
    draw, missed = random.Random(20261129), 0

    def document() -> tuple[int, float]:
        length = draw.randint(100, 900)
        return length, 200 + length / 4 + draw.gauss(0, 30)

    for _ in range(SAMPLES):
        seen, later = [document() for _ in range(60)], [document() for _ in range(20)]
        fresh = Fresh(20, sum(length for length, _ in later) / 20)
        found = predicted_total([length for length, _ in seen], [value for _, value in seen], fresh, 0.95)
        missed += not found.low <= sum(value for _, value in later) <= found.high
    assert missed <= MISSED_AT_MOST


def test_a_total_follows_the_lengths_of_the_documents_to_come() -> None:
    """A figure that is exactly a line of the length is foretold exactly, far beyond the lengths seen too."""
    lengths = list(range(100, 120))
    found = predicted_total(lengths, [7 + 2 * length for length in lengths], Fresh(10, 1000.0), 0.95)
    assert (found.low, found.high) == (pytest.approx(20_070), pytest.approx(20_070))


def test_few_documents_have_no_line() -> None:
    """Below ten, the mean is told whatever the lengths: 4 and 6 come to 50 for ten documents, not less or more."""
    found = predicted_total([1, 100], [4.0, 6.0], Fresh(10, 1000.0), 0.5)
    assert (found.low + found.high) / 2 == pytest.approx(50)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_one_document_bounds_nothing(values: list[float]) -> None:
    """Nor does none."""
    assert predicted_total([5] * len(values), values, Fresh(3, 5.0), 0.95).high == math.inf
    assert mean_within(len(values), 3.0, 0.0, 0.95).high == math.inf


def test_nothing_to_come_takes_nothing() -> None:
    """Whatever was seen."""
    assert predicted_total([1, 2], [5.0, 9.0], Fresh(0, 0.0), 0.95).high == 0
    assert predicted_count(3, 4, 0, 0.95).high == 0


def test_nothing_tried_leaves_any_count() -> None:
    """From none to all."""
    found = predicted_count(0, 0, 17, 0.95)
    assert (found.low, found.high) == (0, 17)


@settings(deadline=None, max_examples=50)
@given(trials=st.integers(1, 500), fresh=st.integers(1, 10_000), data=st.data())
def test_the_count_lies_among_the_documents_and_mirrors(trials: int, fresh: int, data: st.DataObject) -> None:
    """Within 0 and all, whole, and the failures to come are what the successes are not."""
    successes = data.draw(st.integers(0, trials))
    found = predicted_count(successes, trials, fresh, 0.95)
    mirrored = predicted_count(trials - successes, trials, fresh, 0.95)
    assert 0 <= found.low <= found.high <= fresh
    assert found.low == int(found.low)
    assert abs(found.low - (fresh - mirrored.high)) <= 1  # rounding of what is whole but for a hair
