"""The classifiers that decide under a task's rollout, with the threshold its tiers' prices and its target give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.classifier.judge import Judge, JudgedThreshold
from routing.classifier.threshold import threshold_of_cost
from routing.classifier.trained import TrainedClassifier
from routing.completion import TokenUsage
from routing.decision import ThresholdSource
from storage import classifiers, outcomes

if TYPE_CHECKING:
    from routing.price import PriceList
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database

NOMINAL_INPUT_TOKENS = 1_000
"""Before a task's first call, what one is taken to send; it receives the longest answer the task allows."""


def active_classifier(
    database: Database, prices: PriceList, task: FrozenTask, rollout: Rollout
) -> TrainedClassifier | None:
    """Return the active trained version, None where the task asks for none or none is active.

    Costs are those of the calls it was trained on, at the prices of this deployment. Raises a CheapfirstError where the
    version is not there or cannot be used.
    """
    spec = task.route.classifier
    if spec is None or not spec.trained or rollout.classifier is None:
        return None
    model = classifiers.model(database, task.taught_as, rollout.classifier)
    usage = TokenUsage(model.mean_input_tokens, model.mean_output_tokens)
    threshold, source = _threshold(prices, task, rollout, usage)
    if source is ThresholdSource.COST and model.quality_threshold is not None and model.quality_threshold > threshold:
        threshold, source = model.quality_threshold, ThresholdSource.QUALITY
    return TrainedClassifier(model, rollout.classifier, threshold, source)


def active_judge(database: Database, prices: PriceList, task: FrozenTask, rollout: Rollout) -> Judge | None:
    """Return the judge of a task, None where it asks for none; costs are those of a call of the mean size so far."""
    spec = task.route.classifier
    if spec is None or spec.judge is None:
        return None
    usage = outcomes.mean_usage(database, task.taught_as, task.tiers[0].name) or TokenUsage(
        NOMINAL_INPUT_TOKENS, task.max_output_tokens
    )
    return Judge(spec.judge, JudgedThreshold(*_threshold(prices, task, rollout, usage)))


def _threshold(
    prices: PriceList, task: FrozenTask, rollout: Rollout, usage: TokenUsage
) -> tuple[float, ThresholdSource]:
    """Return the threshold of cost, a second opinion counted with the first tier, or the one a person typed."""
    assert task.route.classifier is not None
    steered = rollout.applied(task)
    first, last = steered.tiers[0], steered.tiers[-1]
    agreement = task.checks.agreement
    asked = [first.model, *([agreement.model] if agreement is not None and first.name in agreement.tiers else [])]
    cost = sum(prices.cost(name, usage) for name in asked)
    return threshold_of_cost(cost, prices.cost(last.model, usage), task.route.classifier.threshold)
