"""A job's task as it is run right now: its frozen self, with what the rollout changes in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing.compiled_task import CompiledTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.benefit import FixRates
    from routing.classifier.trained import TrainedClassifier
    from routing.decision import Decision
    from routing.item_facts import ItemFacts
    from routing.rollout import Rollout
    from routing.router import Router
    from routing.task import FrozenTask


@dataclass(frozen=True, slots=True)
class Variant:
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
    fix_rates: Mapping[tuple[str, str], FixRates] = field(default_factory=dict)

    @classmethod
    def compile(
        cls, frozen: FrozenTask, router: Router, rollout: Rollout, classifier: TrainedClassifier | None
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
        )

    def decide(self, custom_id: str, facts: ItemFacts) -> Decision:
        """Return where an item starts."""
        predict = None if self.classifier is None else self.classifier.predict
        return self.router.decide(custom_id, facts, self.rollout, predict)

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
