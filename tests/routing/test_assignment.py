"""Pairing two lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from routing.assignment import best_assignment

ROWS = st.integers(1, 7).flatmap(
    lambda columns: st.lists(st.lists(st.floats(0, 1), min_size=columns, max_size=columns), min_size=1, max_size=7)
)


@given(scores=ROWS)
def test_no_other_pairing_scores_more(scores: list[list[float]]) -> None:
    """As scipy finds it, for tables of any shape."""
    pairs = best_assignment(scores)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    expected = sum(scores[row][column] for row, column in zip(rows, columns, strict=True))
    assert sum(scores[row][column] for row, column in pairs) == pytest.approx(expected)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs) == len(rows)


@pytest.mark.parametrize("scores", [[], [[]], [[], []]])
def test_nothing_is_paired_with_nothing(scores: list[list[float]]) -> None:
    """An empty side leaves no pair."""
    assert best_assignment(scores) == []
