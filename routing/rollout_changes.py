"""What people and conditions do to a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from routing.errors import UsageError
from routing.rollout import Rollout, TierOverride

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.task import CanarySpec

ROLLBACK = "rollback"

Versioned: TypeAlias = Literal["classifier", "calibration"]
"""What a rollout names a version of, None for none."""


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

    Rolling back twice undoes two changes. `beginning` is what the task file says, and where no change is left, the file
    is followed again. A canary that is set again is judged anew. Raises UsageError where nothing is left to undo.
    """
    standing = [beginning.model_copy(update={"follows_file": True})]
    for action, rollout in changes:
        if action == ROLLBACK:
            standing.pop()
        else:
            standing.append(rollout)
    if len(standing) == 1:
        raise UsageError("There is no change of this rollout to undo.", "`cheapfirst rollout TASK` shows its history.")
    now, before = changes[-1][1], standing[-2]
    goes_on = before.canary == now.canary and not before.follows_file
    return before.model_copy(update={"canary_since": now.canary_since if goes_on else now.revision + 1})


def version_before(changes: Sequence[tuple[str, Rollout]], field: Versioned) -> int | None:
    """Return the version that was active before the active one, None for none; `changes` are (action, result).

    Rolling back twice goes back two versions. Raises UsageError where none is active.
    """
    standing: list[tuple[int | None, ...]] = [(None,)]
    for action, rollout in changes:
        if action == ROLLBACK:
            standing.pop()
            continue
        versions = standing[-1]
        if action == version_rollback(field):
            versions = versions[:-1]
        version: int | None = getattr(rollout, field)
        standing.append(versions if versions[-1:] == (version,) else (*versions, version))
    versions = standing[-1]
    if versions[-1] is None:
        raise UsageError(f"There is no active {field} to roll back.", "`cheapfirst rollout TASK` shows its history.")
    return versions[-2]


def version_rollback(field: Versioned) -> str:
    """Return the action by which the version before the active one is active again."""
    return f"{field} rollback"
