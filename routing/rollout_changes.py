"""What people and conditions do to a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.errors import UsageError
from routing.rollout import Rollout, TierOverride

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.task import CanarySpec

ROLLBACK = "rollback"


def ramped(rollout: Rollout, percent: float) -> Rollout:
    """Let this share of the items start cheap."""
    return rollout.model_copy(update={"ramp": percent})


def held_out(rollout: Rollout, percent: float) -> Rollout:
    """Also run this share of the accepted items on the last tier."""
    return rollout.model_copy(update={"holdout": percent})


def with_canary(rollout: Rollout, canary: CanarySpec) -> Rollout:
    """Try a model on a share of a tier's items, instead of the one tried before."""
    return rollout.model_copy(update={"canary": canary, "canary_since": rollout.revision + 1})


def without_canary(rollout: Rollout) -> Rollout:
    """End the canary: its tier's usual model gets all of the items again."""
    return rollout.model_copy(update={"canary": None})


def promoted(rollout: Rollout) -> Rollout:
    """Give the canary's tier to the canary's model. Raises UsageError where there is no canary."""
    canary = rollout.canary
    if canary is None:
        raise UsageError("There is no canary to promote.", "`cheapfirst canary TASK --model M --share 10` starts one.")
    override = TierOverride(model=canary.model, system=canary.system, user=canary.user)
    return rollout.model_copy(update={"canary": None, "promoted": {**rollout.promoted, canary.tier: override}})


def classified(rollout: Rollout, version: int | None) -> Rollout:
    """Let this version of the classifier decide; None for no version."""
    return rollout.model_copy(update={"classifier": version})


def calibrated(rollout: Rollout, version: int | None) -> Rollout:
    """Let this version of the derived thresholds hold; None for those of the task file."""
    return rollout.model_copy(update={"calibration": version})


def rolled_back(changes: Sequence[tuple[str, Rollout]], beginning: Rollout) -> Rollout:
    """Return the rollout as it was before the last change that still holds; `changes` are (action, result), in order.

    Rolling back twice undoes two changes. `beginning` is what the task file says. Raises UsageError where nothing is
    left to undo.
    """
    standing = [beginning]
    for action, rollout in changes:
        if action == ROLLBACK:
            standing.pop()
        else:
            standing.append(rollout)
    if len(standing) == 1:
        raise UsageError("There is no change of this rollout to undo.", "`cheapfirst rollout TASK` shows its history.")
    return standing[-2]
