"""A job's task as it is run right now: its frozen self, with what the rollout changes in it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from routing.classifier.judge import is_close
from routing.compiled_task import AS_THE_TASK_SAYS, CompiledTask
from routing.decision import ThresholdSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.benefit import FixRates
    from routing.calibration import Calibration, Thresholds
    from routing.classifier.judge import Judge
    from routing.classifier.trained import TrainedClassifier
    from routing.decision import Decision
    from routing.item_facts import ItemFacts
    from routing.prediction import Prediction
    from routing.rollout import Rollout
    from routing.router import Router
    from routing.task import FrozenTask


class Variant(NamedTuple):
    """The task as one item gets it in one tier: the usual one, or the canary's."""

    task: CompiledTask
    is_canary: bool

    def models(self, tier: str) -> list[str]:
        """Return the models one turn in a tier may call."""
        model = self.task.task.tier(tier).model
        second = self.task.second_opinion(tier)
        return [model] if second is None else [model, second]


@dataclass(frozen=True, slots=True)
class SteeredTask:
    """One revision of a job's rollout, compiled. `frozen` is what the job was submitted with.

    `version` is how decisions that rest on the task alone name it: `task:9f31c2ab77e0`. `fix_rates` tell what became of
    failures on the next tier, by (model, next model).
    """

    frozen: FrozenTask
    version: str
    router: Router
    rollout: Rollout
    usual: CompiledTask
    canary: CompiledTask | None
    classifier: TrainedClassifier | None
    judge: Judge | None
    calibration: Calibration | None
    fix_rates: Mapping[tuple[str, str], FixRates] = field(default_factory=dict)

    @classmethod
    def compile(
        cls,
        frozen: FrozenTask,
        router: Router,
        rollout: Rollout,
        classifier: TrainedClassifier | None,
        judge: Judge | None,
        calibration: Calibration | None,
    ) -> SteeredTask:
        """Compile a task under a rollout. Raises a CheapfirstError where it does not compile here."""
        with_canary = rollout.with_canary(frozen)
        return cls(
            frozen,
            router.version,
            router,
            rollout,
            CompiledTask(rollout.applied(frozen)),
            None if with_canary is None else CompiledTask(with_canary),
            classifier,
            judge,
            calibration,
        )

    def decide(self, custom_id: str, facts: ItemFacts, judged: Prediction | None = None) -> Decision:
        """Return where an item starts, by the judge's prediction where it was asked."""

        def predict(facts: ItemFacts) -> Prediction | None:
            return judged or self.predicted(facts)

        return self.router.decide(custom_id, facts, self.rollout, predict)

    def predicted(self, facts: ItemFacts) -> Prediction | None:
        """Return what the trained classifier says, None where there is none.

        The threshold is the calibrated one where that asks for more than cost does, and nobody typed another.
        """
        if self.classifier is None:
            return None
        prediction = self.classifier.predict(facts)
        least = None if self.calibration is None else self.calibration.thresholds(facts).classifier
        typed = prediction.threshold_source is ThresholdSource.TYPED
        if least is None or least <= prediction.threshold or typed:
            return prediction
        return dataclasses.replace(prediction, threshold=least, threshold_source=ThresholdSource.QUALITY)

    def least(self, custom_id: str, tier: str, facts: ItemFacts) -> Thresholds:
        """Return what an answer of this tier has to reach; calibrated for the usual model of the first one only."""
        if self.calibration is None or tier != self.frozen.tiers[0].name or self.variant(custom_id, tier).is_canary:
            return AS_THE_TASK_SAYS
        return self.calibration.thresholds(facts)

    def asks_judge(self, custom_id: str, facts: ItemFacts) -> bool:
        """Tell whether the judge is asked: the classifier's to decide, and no trained one sure enough of it."""
        if self.judge is None or not self.router.asks_classifier(custom_id, facts, self.rollout):
            return False
        assert self.frozen.route.classifier is not None
        return is_close(self.predicted(facts), self.frozen.route.classifier.band)

    def variant(self, custom_id: str, tier: str) -> Variant:
        """Return the task as this item gets it in this tier."""
        canary = self.rollout.canary
        if (
            canary is not None
            and self.canary is not None
            and canary.tier == tier
            and self.rollout.is_canary(self.frozen.name, custom_id)
        ):
            return Variant(self.canary, is_canary=True)
        return Variant(self.usual, is_canary=False)

    def is_held_out(self, custom_id: str, tier: str) -> bool:
        """Tell whether an item that `tier` accepts also runs on the last tier, to be measured."""
        return tier != self.frozen.tiers[-1].name and self.rollout.is_holdout(self.frozen.name, custom_id)
