"""Trials of a task: copies of it that run a labelled set one way each, apart from the task's own jobs.

What its own jobs learn and count (outcomes, canaries, mended failures, the calls of a day's mean) stays as if they had
never run; what has been learned (classifier, calibration, mended failures) holds for them as it does for the task.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from routing.rollout import Rollout
from routing.task import CircuitSpec, RolloutSpec, RouteSpec, TrialSpec

if TYPE_CHECKING:
    from routing.task import ChecksSpec, FrozenTask, TierSpec


class TrialPath(StrEnum):
    """The ways a labelled set can be run."""

    ROUTED = "routed"  # as the task is, with its whole ramp open and nothing held out or tried
    EXPENSIVE = "expensive"  # its last tier alone
    CHEAP = "cheap"  # its first tier alone, without a second opinion
    MEASURED = "measured"  # its first tier with every signal measured and none of them refused


def trial_of(task: FrozenTask, rollout: Rollout, path: TrialPath, models: str, turn: int = 0) -> FrozenTask:
    """Return the copy of a task that runs this path, as its rollout stands now."""
    running = rollout.applied(task)
    spec = TrialSpec(
        task=task.name, classifier=rollout.classifier, calibration=rollout.calibration, models=models, turn=turn
    )
    changed = {
        "name": f"{task.name}@{path}",
        "rollout": RolloutSpec(),
        "circuit": CircuitSpec(max_escalation=1),
        "target": None,
        "trial": spec,
    }
    if path is not TrialPath.ROUTED:
        tier = running.tiers[-1 if path is TrialPath.EXPENSIVE else 0]
        changed |= {"tiers": (_alone(tier),), "route": RouteSpec(), "checks": _checks(running.checks, tier, path)}
        changed["trial"] = spec.model_copy(update={"classifier": None, "calibration": None})
    return running.model_copy(update=changed)


def rollout_of_trial(task: FrozenTask) -> Rollout:
    """Return the rollout a trial runs under: everything may start cheap, and nothing changes meanwhile."""
    assert task.trial is not None
    return Rollout.of_task(task.rollout).model_copy(
        update={"classifier": task.trial.classifier, "calibration": task.trial.calibration}
    )


def _alone(tier: TierSpec) -> TierSpec:
    return tier.model_copy(update={"ask": "whole", "benefit": None})


def _checks(checks: ChecksSpec, tier: TierSpec, path: TrialPath) -> ChecksSpec:
    if path is not TrialPath.MEASURED:
        return checks.model_copy(update={"agreement": None})
    confidence, agreement = checks.confidence, checks.agreement
    if agreement is not None:
        asked = tier.name in agreement.tiers
        agreement = agreement.model_copy(update={"tiers": (tier.name,), "min": 0.0}) if asked else None
    return checks.model_copy(
        update={
            "confidence": confidence and confidence.model_copy(update={"min": 0.0}),
            "agreement": agreement,
        }
    )
