"""The threshold from which on a quality target is shown to hold."""

from __future__ import annotations

import random

from evaluation.pair_comparison import PairComparison
from evaluation.quality_threshold import quality_threshold
from routing.task import TargetSpec
from storage.outcomes import MeasuredPair
from tests.routing.classifier.test_classifier import model
from tests.support.ledgers import TASK

TARGET = TargetSpec(margin=0.05, confidence=0.9)
SHORT_IS_SURE = model(intercept=2.0, numeric_weights=(-1.0, *(0.0,) * (len(model().numeric_weights) - 1)))


def _pair(number: int, words: int, *, differs: bool) -> MeasuredPair:
    answer = '{"total": 2}' if differs else '{"total": 1.0}'
    return MeasuredPair(f"d{number}", "word " * words, None, '{"total": 1}', answer)


def test_too_few_measured_documents_show_nothing() -> None:
    """It says how many it takes at least: ln(0.1) / ln(0.95)."""
    quality = quality_threshold(model(), [_pair(n, 5, differs=False) for n in range(44)], PairComparison(TASK), TARGET)
    assert (quality.threshold, quality.pairs, quality.needed) == (None, 44, 45)


def test_where_nothing_differs_cost_may_decide_alone() -> None:
    """The target holds for all of them: a threshold of 0."""
    quality = quality_threshold(model(), [_pair(n, 5, differs=False) for n in range(45)], PairComparison(TASK), TARGET)
    assert (quality.threshold, quality.differing) == (0.0, 0)


def test_where_many_differ_everywhere_no_threshold_does() -> None:
    """Of the surest documents too many differ already."""
    quality = quality_threshold(
        model(), [_pair(n, 5, differs=n % 4 == 0) for n in range(400)], PairComparison(TASK), TARGET
    )
    assert (quality.threshold, quality.differing) == (None, 100)


def test_the_threshold_parts_the_sure_from_the_unsure() -> None:
    """Short documents never differ, long ones half the time."""
    pairs = [_pair(n, 5, differs=False) for n in range(300)]
    pairs += [_pair(n, 2000, differs=n % 2 == 0) for n in range(300)]
    quality = quality_threshold(SHORT_IS_SURE, pairs, PairComparison(TASK), TARGET)
    assert quality.threshold is not None
    from routing.classifier.features import features_of

    short, long_ = (SHORT_IS_SURE.probability(features_of("word " * words, None)) for words in (5, 2000))
    assert long_ < quality.threshold <= short


def test_the_promise_is_kept_as_often_as_it_says() -> None:
    """Of 200 draws of 300 documents of which 6 % truly differ, no more than 10 % pass for 5 %."""
    draw = random.Random(20261124)
    broken = sum(
        quality_threshold(
            model(), [_pair(n, 5, differs=draw.random() < 0.06) for n in range(300)], PairComparison(TASK), TARGET
        ).threshold
        is not None
        for _ in range(200)
    )
    assert broken <= 200 * 0.1


def test_a_last_tier_without_an_answer_is_left_out() -> None:
    """What it could not read is neither alike nor different, and shows nothing."""
    pairs = [MeasuredPair(f"d{n}", "t", None, '{"total": null}', "I cannot") for n in range(45)]
    quality = quality_threshold(model(), pairs, PairComparison(TASK), TARGET)
    assert (quality.pairs, quality.threshold) == (0, None)


def test_a_field_the_first_tier_left_out_differs() -> None:
    """What only the last tier found counts as well: an omission is a mistake."""
    pairs = [MeasuredPair(f"d{n}", "t", None, "{}", '{"total": 1}') for n in range(45)]
    assert quality_threshold(model(), pairs, PairComparison(TASK), TARGET).differing == 45
