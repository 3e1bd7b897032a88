"""What a judge is asked, and what its answer means."""

from __future__ import annotations

import pytest

from routing.classifier.judge import INSTRUCTIONS, Judge, JudgedThreshold, is_close
from routing.completion import Completion, FinishReason, TokenUsage
from routing.decision import ThresholdSource
from routing.errors import UsageError
from routing.prediction import Prediction
from routing.task import JudgeSpec

THRESHOLD = JudgedThreshold(0.2, ThresholdSource.COST)


def _judge(system: str = INSTRUCTIONS, user: str = "{{ text }}") -> Judge:
    return Judge(JudgeSpec(model="tiny", system=system, user=user), THRESHOLD)


def _said(text: str) -> Completion:
    return Completion(text, FinishReason.STOP, TokenUsage(1, 1), "tiny", 1.0)


def test_it_is_asked_with_a_prompt_of_its_own() -> None:
    """The document and its facts are variables; the answer is one number."""
    prompt = _judge("Judge {{ metadata.shop }}.", "{{ custom_id }}: {{ text }}").prompt("TEXT", {"shop": "A"}, "d1", 2)
    assert [message.content for message in prompt.messages] == ["Judge A.", "d1: TEXT"]
    assert not prompt.messages[0].stable
    assert _judge().prompt("TEXT", {}, "d", None).messages[0].stable
    assert list(prompt.schema["properties"]) == ["probability"]  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        _judge("{{ metadata.none.at }}").prompt("TEXT", {}, "d", None)


def test_its_probability_is_a_prediction_with_threshold_and_version() -> None:
    """Another prompt is another version."""
    said = _judge().read(_said('{"probability": 0.7}'))
    assert said == Prediction(0.7, 0.2, ThresholdSource.COST, _judge().version)
    assert _judge().version.startswith("judge:")
    assert _judge().version != _judge("Otherwise.").version


@pytest.mark.parametrize(
    "answer", ["no idea", '{"probability": 1.5}', '{"probability": true}', '{"probability": "0.5"}', '{"other": 1}', ""]
)
def test_anything_else_says_nothing(answer: str) -> None:
    """A hostile or broken answer decides nothing."""
    assert _judge().read(_said(answer)) is None


def test_in_a_hybrid_the_trained_threshold_holds_and_both_are_told() -> None:
    """The trained probability stays among the signals."""
    trained = Prediction(0.31, 0.3, ThresholdSource.QUALITY, "classifier:2", {"characters": 9})
    said = _judge().read(_said('{"probability": 0.9}'), trained)
    assert said is not None
    assert (said.probability, said.threshold, said.threshold_source) == (0.9, 0.3, ThresholdSource.QUALITY)
    assert said.version == f"classifier:2+{_judge().version}"
    assert said.signals == {"characters": 9, "trained_probability": 0.31}


@pytest.mark.parametrize(
    ("probability", "close"), [(0.3, True), (0.39, True), (0.21, True), (0.41, False), (0.1, False)]
)
def test_only_near_the_threshold_is_a_trained_classifier_unsure(probability: float, close: bool) -> None:  # noqa: FBT001
    """Where there is none, the judge always decides."""
    assert is_close(Prediction(probability, 0.3, ThresholdSource.COST, "v"), 0.1) is close
    assert is_close(None, 0.1)
