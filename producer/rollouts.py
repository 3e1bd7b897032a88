"""Changing how a task is rolled out, for jobs that run and for those to come."""

from __future__ import annotations

from getpass import getuser
from typing import TYPE_CHECKING

from routing.money import NanoUsd, to_usd
from routing.rollout import Rollout, standing
from routing.rollout_changes import ROLLBACK, rolled_back, version_before, version_rollback
from storage import rollouts
from storage.canary_tallies import canary_arms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routing.rollout_changes import Versioned
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.rollouts import RolloutChange


def current(database: Database, task: FrozenTask) -> Rollout:
    """Return a task's rollout as it stands: what was changed last, or what its file says."""
    return standing(rollouts.current(database, task.name), task.rollout)


def canary_figures(database: Database, task_name: str, rollout: Rollout) -> list[dict[str, object]]:
    """Return how a canary with conditions and its tier's usual model have done so far; nothing where there is none."""
    canary = rollout.canary
    if canary is None or not (canary.rollback_if or canary.promote_if):
        return []
    arms = canary_arms(database, task_name, rollout.canary_since)
    return [
        {
            "canary": is_canary,
            "items": arm.items,
            "passed": arm.passed,
            "mean_cost_usd": to_usd(NanoUsd(round(arm.cost_nano_usd / arm.items))) if arm.items else None,
        }
        for is_canary, arm in zip((True, False), arms, strict=True)
    ]


def change(
    database: Database,
    task: FrozenTask,
    action: str,
    changed: Callable[[Rollout], Rollout],
    *,
    by: str | None = None,
    reason: str = "",
) -> tuple[Rollout, Rollout]:
    """Change a task's rollout, and return it as it was and as it is. Running jobs follow within seconds.

    `by` is who does it, this user where it is left out. Raises what `changed` raises, and then changes nothing.
    """
    before: list[Rollout] = []

    def following(changes: Sequence[RolloutChange]) -> Rollout:
        before.append(_newest(changes, task))
        return changed(before[-1])

    now = rollouts.change(
        database, task.name, action=action, changed_by=by or user_name(), reason=reason, following=following
    )
    return before[-1], now


def roll_back(database: Database, task: FrozenTask, *, by: str | None = None, reason: str = "") -> Rollout:
    """Undo the last change that still holds, as a revision of its own. Raises UsageError where there is none."""

    def following(changes: Sequence[RolloutChange]) -> Rollout:
        return rolled_back(_steps(changes), Rollout.of_task(task.rollout))

    return rollouts.change(
        database, task.name, action=ROLLBACK, changed_by=by or user_name(), reason=reason, following=following
    )


def roll_back_version(database: Database, task: FrozenTask, field: Versioned) -> int | None:
    """Make the version active that was before the active one, and return it, None for none.

    Raises UsageError where none is active.
    """

    def following(changes: Sequence[RolloutChange]) -> Rollout:
        return _newest(changes, task).model_copy(update={field: version_before(_steps(changes), field)})

    now = rollouts.change(
        database, task.name, action=version_rollback(field), changed_by=user_name(), reason="", following=following
    )
    version: int | None = getattr(now, field)
    return version


def _newest(changes: Sequence[RolloutChange], task: FrozenTask) -> Rollout:
    return standing(changes[-1].rollout if changes else None, task.rollout)


def _steps(changes: Sequence[RolloutChange]) -> list[tuple[str, Rollout]]:
    return [(change.action, change.rollout) for change in changes]


def user_name() -> str:
    """Return who runs this process, `unknown` where the system does not say."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"
