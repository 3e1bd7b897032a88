"""The classifier that a task's rollout names, with the threshold its tiers' prices give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.classifier.threshold import threshold_of_cost
from routing.classifier.trained import TrainedClassifier
from routing.completion import TokenUsage
from storage import classifiers

if TYPE_CHECKING:
    from routing.price import PriceList
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database


def active_classifier(
    database: Database, prices: PriceList, task: FrozenTask, rollout: Rollout
) -> TrainedClassifier | None:
    """Return the active version, None where the task asks for no classifier or none is active.

    Costs are those of the calls it was trained on, at the prices of this deployment; a second opinion counts with the
    first tier's. Raises a CheapfirstError where the version is not there or cannot be used.
    """
    spec = task.route.classifier
    if spec is None or rollout.classifier is None:
        return None
    model = classifiers.model(database, task.name, rollout.classifier)
    usage = TokenUsage(model.mean_input_tokens, model.mean_output_tokens)
    steered = rollout.applied(task)
    first, last = steered.tiers[0], steered.tiers[-1]
    agreement = task.checks.agreement
    asked = [first.model, *([agreement.model] if agreement is not None and first.name in agreement.tiers else [])]
    cost = sum(prices.cost(name, usage) for name in asked)
    threshold, source = threshold_of_cost(cost, prices.cost(last.model, usage), spec.threshold)
    return TrainedClassifier(model, rollout.classifier, threshold, source)
