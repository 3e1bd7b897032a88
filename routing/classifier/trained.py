"""The trained classifier, ready to be asked about items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.classifier.features import features_of
from routing.prediction import Prediction

if TYPE_CHECKING:
    from routing.classifier.linear_model import LinearModel
    from routing.decision import ThresholdSource
    from routing.item_facts import ItemFacts


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """A version of a task's classifier with the threshold that holds for its tiers' prices."""

    model: LinearModel
    version: int
    threshold: float
    threshold_source: ThresholdSource

    def predict(self, facts: ItemFacts) -> Prediction:
        """Return how likely the first tier is to pass."""
        return Prediction(
            probability=self.model.probability(features_of(facts.text, facts.pages)),
            threshold=self.threshold,
            threshold_source=self.threshold_source,
            version=f"classifier:{self.version}",
            signals={"characters": len(facts.text), "pages": facts.pages},
        )
