"""Training a task's classifier on what became of its own documents, and telling how well it does on others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from routing.classifier.features import VERSION, features_of
from routing.classifier.linear_model import LinearModel
from routing.errors import UsageError
from routing.rollout import share_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.outcomes import Outcome

LEAST_OF_A_KIND = 20
BINS = 10
TARGET_ACCURACY = 0.85
"""What production reports call a good routing classifier: 85 to 95 % right."""
HALF = 0.5
HALF_PERCENT = 50


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Documents whose predicted probability lies in one tenth: the mean predicted, and the share that passed."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """How a classifier does on outcomes it was not trained on.

    `accuracy` is at a probability of one half, `majority` what always saying the more frequent outcome would give.
    `brier` is the mean squared error of the probability (Brier, 1950).
    """

    trained_on: int
    tested_on: int
    passed_share: float
    accuracy: float
    majority: float
    auc: float
    brier: float
    reliability: tuple[ReliabilityBin, ...]

    @property
    def reaches_target(self) -> bool:
        """Whether it is right as often as such classifiers are said to be, and more often than saying one thing."""
        return self.accuracy >= TARGET_ACCURACY and self.accuracy > self.majority

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"reaches_target": self.reaches_target}


def train(task_name: str, outcomes: Sequence[Outcome], min_labels: int) -> tuple[LinearModel, Metrics]:
    """Train on one half of the outcomes, chosen by a stable hash of their names, and test on the other.

    Deterministic. Raises UsageError where outcomes are too few or too much of one kind, or scikit-learn is missing.
    """
    learned, kept = _halves(task_name, outcomes, min_labels)
    try:
        from evaluation.logistic_fit import fit
    except ImportError:
        raise UsageError("Training needs scikit-learn.", "Install it: pip install 'cheapfirst[train]'.") from None
    fitted = fit([features_of(one.text, one.pages) for one in learned], [one.passed for one in learned])
    model = LinearModel(
        feature_version=VERSION,
        **asdict(fitted),
        mean_input_tokens=round(sum(one.input_tokens for one in learned) / len(learned)),
        mean_output_tokens=round(sum(one.output_tokens for one in learned) / len(learned)),
    )
    return model, measure(model, kept, trained_on=len(learned))


def measure(model: LinearModel, outcomes: Sequence[Outcome], trained_on: int) -> Metrics:
    """Return how a model does on outcomes of both kinds that it was not trained on."""
    told = [model.probability(features_of(outcome.text, outcome.pages)) for outcome in outcomes]
    truth = [outcome.passed for outcome in outcomes]
    share = sum(truth) / len(truth)
    pairs = list(zip(told, truth, strict=True))
    return Metrics(
        trained_on=trained_on,
        tested_on=len(outcomes),
        passed_share=share,
        accuracy=sum((probability >= HALF) == passed for probability, passed in pairs) / len(pairs),
        majority=max(share, 1 - share),
        auc=_area_under_curve(pairs),
        brier=sum((probability - passed) ** 2 for probability, passed in pairs) / len(pairs),
        reliability=_reliability(pairs),
    )


def _area_under_curve(pairs: Sequence[tuple[float, bool]]) -> float:
    """Return the probability that a document that passed was given the higher probability, ties counting half.

    The rank sum of Mann and Whitney (1947).
    """
    ranked = sorted(pairs)
    passed = sum(truth for _, truth in ranked)
    rank_sum, position = 0.0, 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        tied = list(group)
        rank_sum += (position + (len(tied) + 1) / 2) * sum(truth for _, truth in tied)
        position += len(tied)
    return (rank_sum - passed * (passed + 1) / 2) / (passed * (len(ranked) - passed))


def _halves(task_name: str, outcomes: Sequence[Outcome], min_labels: int) -> tuple[list[Outcome], list[Outcome]]:
    if len(outcomes) < min_labels:
        raise UsageError(
            f"Task `{task_name}` has {len(outcomes)} outcomes of its first tier; training needs {min_labels}.",
            "Run more documents, or lower `route.classifier.min_labels`.",
        )
    halves: tuple[list[Outcome], list[Outcome]] = ([], [])
    for outcome in outcomes:
        halves[share_point(task_name, outcome.custom_id, "train") >= HALF_PERCENT].append(outcome)
    for half in halves:
        passed = sum(outcome.passed for outcome in half)
        fewest = min(passed, len(half) - passed)
        if fewest < LEAST_OF_A_KIND:
            rare = "passed" if passed <= len(half) - passed else "failed"
            raise UsageError(
                f"Of {len(half)} outcomes in one half only {fewest} {rare}; training needs {LEAST_OF_A_KIND}.",
                "Where nearly all of them end alike, there is nothing to tell apart: no classifier is needed.",
            )
    return halves


def _reliability(pairs: Sequence[tuple[float, bool]]) -> tuple[ReliabilityBin, ...]:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, passed in pairs:
        bins[min(BINS - 1, int(probability * BINS))].append((probability, passed))
    return tuple(
        ReliabilityBin(
            sum(probability for probability, _ in held) / len(held),
            sum(passed for _, passed in held) / len(held),
            len(held),
        )
        for held in bins
        if held
    )
