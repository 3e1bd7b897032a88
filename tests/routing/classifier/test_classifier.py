"""Features, weights and thresholds of the trained classifier."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from routing.classifier.features import NUMERIC, READ_CHARACTERS, VERSION, WORD_BUCKETS, features_of
from routing.classifier.linear_model import LinearModel
from routing.classifier.threshold import threshold_of_cost
from routing.classifier.trained import TrainedClassifier
from routing.decision import ThresholdSource
from routing.item_facts import ItemFacts

ZEROS = (0.0,) * len(NUMERIC)


def model(**changes: object) -> LinearModel:
    """Return a model that always says one half, with these changes."""
    fields: dict[str, object] = {
        "feature_version": VERSION,
        "intercept": 0.0,
        "means": ZEROS,
        "scales": (1.0,) * len(NUMERIC),
        "numeric_weights": ZEROS,
        "word_weights": (0.0,) * WORD_BUCKETS,
        "slope": 1.0,
        "offset": 0.0,
        "mean_input_tokens": 100,
        "mean_output_tokens": 10,
    }
    return LinearModel.model_validate(fields | changes)


@given(st.text(max_size=300), st.none() | st.integers(0, 10_000))
def test_every_text_has_features(text: str, pages: int | None) -> None:
    """Finite figures, and word weights of length 1 where there are words."""
    found = features_of(text, pages)
    assert len(found.numeric) == len(NUMERIC)
    assert all(-1e9 < value < 1e9 for value in found.numeric)
    length = sum(weight**2 for weight in found.words.values())
    assert length == pytest.approx(1.0 if found.words else 0.0)
    assert 0 < model().probability(found) < 1


def test_features_are_the_same_in_every_process() -> None:
    """What was learned in one holds in another."""
    program = "from routing.classifier.features import features_of; print(features_of('Größe 1 a b', 2))"
    told = {subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(told) == 1


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    """Its length counts all the same."""
    short, long_ = features_of("a " * (READ_CHARACTERS // 2), None), features_of("a " * READ_CHARACTERS, None)
    assert short.words == long_.words
    assert short.numeric[0] < long_.numeric[0]


def test_a_model_weighs_figures_and_words() -> None:
    """By hand: a score of 2 through the calibration 0.5 * 2 - 1 is one half."""
    seen = features_of("same same", None)
    (bucket,) = seen.words
    weights = [0.0] * WORD_BUCKETS
    weights[bucket] = 2.0
    assert model(word_weights=tuple(weights), slope=0.5, offset=-1.0).probability(seen) == 0.5
    weighed = model(numeric_weights=(1.0, *ZEROS[1:]), means=(seen.numeric[0] - 3, *ZEROS[1:]), scales=(3.0,) * 7)
    assert weighed.probability(seen) == pytest.approx(0.7310586)


@pytest.mark.parametrize("intercept", [-1e6, 1e6])
def test_an_extreme_score_overflows_nothing(intercept: float) -> None:
    """It is 0 or 1."""
    assert model(intercept=intercept).probability(features_of("a", None)) in {0.0, 1.0}


def test_weights_of_other_features_are_refused() -> None:
    """They would mean something else here."""
    with pytest.raises(ValidationError, match="trained on features 99"):
        model(feature_version=99)
    assert LinearModel.model_validate_json(model().model_dump_json()) == model()


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.floats(0, 1))
def test_the_threshold_makes_the_expected_cost_least(first: int, last: int, probability: float) -> None:
    """Whatever it decides costs no more, on average, than the other way would."""
    threshold, source = threshold_of_cost(first, last)
    starting_cheap, going_up = first + (1 - probability) * last, last
    chosen = starting_cheap if probability >= threshold else going_up
    assert chosen <= min(starting_cheap, going_up) + 1e-6 * last
    assert source is ThresholdSource.COST


@pytest.mark.parametrize(
    ("first", "last", "typed", "threshold"),
    [(1, 10, None, 0.1), (10, 1, None, 2.0), (0, 0, None, 0.0), (1, 0, None, 2.0), (1, 10, 0.7, 0.7)],
)
def test_prices_of_nothing_and_typed_thresholds(first: int, last: int, typed: float | None, threshold: float) -> None:
    """Free models divide by nothing; what a person typed is told as such."""
    assert threshold_of_cost(first, last, typed)[0] == threshold
    assert (threshold_of_cost(first, last, typed)[1] is ThresholdSource.TYPED) == (typed is not None)


def test_a_prediction_names_its_version_and_holds_no_text() -> None:
    """Signals are figures."""
    classifier = TrainedClassifier(model(), 3, 0.25, ThresholdSource.COST)
    said = classifier.predict(ItemFacts("t", "secret words", 2, {}, {}, 0))
    assert (said.probability, said.threshold, said.version) == (0.5, 0.25, "classifier:3")
    assert said.signals == {"characters": 12, "pages": 2}
