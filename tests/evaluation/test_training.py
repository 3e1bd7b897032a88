"""Training on one half of the outcomes, and telling honestly how it does on the other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evaluation.training import Metrics, measure, train
from routing.errors import UsageError
from storage.outcomes import Outcome
from tests.routing.classifier.test_classifier import model
from tests.support.services import missing

DATA = Path(os.environ.get("CHEAPFIRST_DATA", Path(__file__).parents[3] / "shared" / "data"))
QUESTIONS = DATA / "mmlu_routing" / "records.jsonl"


def _outcomes(count: int, *, telling: bool = True) -> list[Outcome]:
    """Return documents of which every third fails; `telling` ones show it by a word."""
    found = []
    for number in range(count):
        passed = number % 3 > 0
        word = "plain" if passed or not telling else "handwritten"
        found.append(Outcome(f"doc-{number}", f"a {word} receipt of the day {number % 7}", None, passed, 100, 10))
    return found


def test_what_shows_in_the_text_is_learned() -> None:
    """Nearly all of the other half is told right, and calibrated: what it says is what happens."""
    learned, metrics = train("t", _outcomes(600), 500)
    assert metrics.trained_on + metrics.tested_on == 600
    assert (metrics.accuracy, metrics.auc) == (1.0, 1.0)
    assert metrics.reaches_target
    assert metrics.brier < 0.02
    assert (learned.mean_input_tokens, learned.mean_output_tokens) == (100, 10)


def test_training_again_gives_the_same() -> None:
    """Weights and figures."""
    assert train("t", _outcomes(300), 200) == train("t", _outcomes(300), 200)


def test_what_does_not_show_in_the_text_is_said_so() -> None:
    """No better than always saying the same is no success, whatever the accuracy."""
    _, metrics = train("t", _outcomes(600, telling=False), 500)
    assert metrics.accuracy <= metrics.majority + 0.02
    assert not metrics.reaches_target


def test_too_few_outcomes_are_refused() -> None:
    """The message says how many there are and how many are needed."""
    with pytest.raises(UsageError, match="has 99 outcomes of its first tier; training needs 100"):
        train("t", _outcomes(99), 100)


def test_outcomes_of_one_kind_are_refused() -> None:
    """Where nearly all pass there is nothing to tell apart."""
    same = [Outcome(f"doc-{number}", "text", None, number > 5, 1, 1) for number in range(300)]
    with pytest.raises(UsageError, match=r"only \d failed; training needs 20"):
        train("t", same, 100)


def test_the_figures_are_those_of_the_textbook() -> None:
    """A model that always says one half: AUC one half by ties, Brier one quarter, one bin."""
    metrics = measure(model(), _outcomes(30), trained_on=0)
    assert (metrics.auc, metrics.brier, metrics.majority) == (0.5, 0.25, pytest.approx(2 / 3))
    (only,) = metrics.reliability
    assert (only.predicted, only.observed, only.count) == (0.5, pytest.approx(2 / 3), 30)


def test_real_questions_are_hard_to_route_by_their_text_and_it_is_said() -> None:
    """On 7 092 questions the text tells a little of whether the smaller model is right, and 85 % is not reached."""
    if not QUESTIONS.exists():
        missing(f"The recorded questions ({QUESTIONS})", "set CHEAPFIRST_DATA to the folder that holds them")
    with QUESTIONS.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    outcomes = [
        Outcome(row["id"], row["input"]["question"], None, row["models"]["mixtral-8x7b"]["correct"], 100, 5)
        for row in rows
    ]
    _, metrics = train("mmlu", outcomes, 500)
    assert isinstance(metrics, Metrics)
    assert 0.66 < metrics.auc < 0.75
    assert metrics.accuracy > metrics.majority
    assert not metrics.reaches_target
    for one in metrics.reliability:
        if one.count >= 300:
            assert abs(one.predicted - one.observed) < 0.06
