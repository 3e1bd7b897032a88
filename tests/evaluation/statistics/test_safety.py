"""What follows from a comparison with the last tier."""

from __future__ import annotations

import pytest

from evaluation.statistics.pairs import PairedCounts
from evaluation.statistics.safety import Safety, assess


def safety(both: int, better: int, worse: int, neither: int) -> Safety:
    """Judge these pairs against three points at 95 %."""
    return assess(PairedCounts(both, better, worse, neither), 0.03, 0.95).safety


def test_a_drop_of_six_points_in_400_is_too_aggressive() -> None:
    """The interval excludes that there is none."""
    assert safety(376, 0, 24, 0) is Safety.TOO_AGGRESSIVE
    assert safety(326, 12, 36, 26) is Safety.TOO_AGGRESSIVE


def test_a_drop_of_one_point_in_400_is_safe() -> None:
    """The whole interval lies within three points."""
    assert safety(396, 0, 4, 0) is Safety.SAFE


def test_a_drop_of_four_points_in_400_is_to_be_watched() -> None:
    """It lies between three and five points, and is no chance."""
    assert safety(384, 0, 16, 0) is Safety.WATCH


@pytest.mark.parametrize("worse", [0, 1, 2, 3])
def test_forty_documents_do_not_tell_six_points_from_none(worse: int) -> None:
    """Whatever few of them differ, that is not enough, and it is told how many more would be."""
    assessment = assess(PairedCounts(40 - worse, 0, worse, 0), 0.03, 0.95)
    assert assessment.safety is Safety.NOT_ENOUGH_DATA
    assert assessment.more_needed is not None
    assert assessment.more_needed > 0


def test_forty_documents_do_tell_a_disaster() -> None:
    """Half of them lost needs no further labels."""
    assert safety(20, 0, 20, 0) is Safety.TOO_AGGRESSIVE


def test_so_many_more_would_be_enough() -> None:
    """Pairs that never differ show three points from 125 documents on, told to the nearest 1 %."""
    more = assess(PairedCounts(40, 0, 0, 0), 0.03, 0.95).more_needed
    assert more == pytest.approx(125 - 40, abs=2)
    assert safety(40 + (more or 0), 0, 0, 0) is Safety.SAFE


def test_no_number_of_documents_shows_what_lies_on_the_margin() -> None:
    """A drop of just three points stays undecided for ever."""
    assert assess(PairedCounts(97, 0, 3, 0), 0.03, 0.95).more_needed is None


def test_nothing_seen_asks_for_the_least_that_could_do() -> None:
    """As if no pair would differ."""
    assert assess(PairedCounts(0, 0, 0, 0), 0.03, 0.95).more_needed == pytest.approx(125, abs=2)


def test_a_candidate_that_is_better_is_safe() -> None:
    """Only drops count."""
    assert safety(350, 30, 5, 15) is Safety.SAFE
