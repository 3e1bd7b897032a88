"""Training a task's classifier on the ledger, and choosing which version decides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.pair_comparison import PairComparison
from evaluation.quality_threshold import quality_threshold
from evaluation.training import train
from producer.rollouts import change, current, roll_back_version, user_name
from routing.errors import UsageError
from routing.rollout_changes import classified
from storage import classifiers
from storage.outcomes import first_outcomes, measured_pairs

if TYPE_CHECKING:
    from evaluation.quality_threshold import Quality
    from evaluation.training import Metrics
    from routing.task import ClassifierSpec, FrozenTask
    from storage.database import Database

MOST_OUTCOMES = 50_000
"""The newest outcomes are enough, and fit into memory."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A new version, how it does on outcomes it was not trained on, and what is known of the quality target."""

    version: int
    metrics: Metrics
    quality: Quality | None


def train_classifier(database: Database, task: FrozenTask) -> Trained:
    """Train a version on the outcomes of a task's first tier, and keep it; it decides nothing until it is activated.

    Raises UsageError where the task asks for no classifier, outcomes do not do, or scikit-learn is missing.
    """
    spec = _spec(task)
    first = current(database, task).applied(task).tiers[0]
    outcomes = list(first_outcomes(database, task.name, first.name, first.model, MOST_OUTCOMES))
    model, metrics = train(task.name, outcomes, spec.min_labels)
    quality = None
    if task.target is not None:
        last = task.tiers[-1]
        pairs = measured_pairs(database, task.name, first.name, MOST_OUTCOMES)
        quality = (
            quality_threshold(model, pairs, PairComparison(task), task.target) if last.name != first.name else None
        )
    if quality is not None:
        model = model.model_copy(update={"quality_threshold": quality.threshold})
    told = metrics.as_json() | {"quality": None if quality is None else quality.as_json()}
    version = classifiers.add(database, task.name, model, json.dumps(told), user_name())
    return Trained(version, metrics, quality)


def activate(database: Database, task: FrozenTask, version: int) -> None:
    """Let a version decide, for running jobs too. Raises UsageError, NotFoundError where there is no such version."""
    _spec(task)
    classifiers.model(database, task.name, version)
    change(database, task, f"classifier {version}", lambda rollout: classified(rollout, version))


def roll_back(database: Database, task: FrozenTask) -> int | None:
    """Let the version decide that was active before, and return it, None for none. Raises UsageError where none is."""
    return roll_back_version(database, task, "classifier")


def _spec(task: FrozenTask) -> ClassifierSpec:
    if task.route.classifier is None or not task.route.classifier.trained:
        raise UsageError(
            f"Task `{task.name}` asks for no trained classifier.",
            "Add `route: {classifier: {train_from: outcomes}}` to it.",
        )
    return task.route.classifier
