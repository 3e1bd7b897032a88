"""Changing how a task is rolled out, for jobs that run and for those to come."""

from __future__ import annotations

from getpass import getuser
from typing import TYPE_CHECKING

from routing.money import NanoUsd, to_usd
from routing.rollout import Rollout
from routing.rollout_changes import ROLLBACK, rolled_back
from storage import rollouts
from storage.canary_tallies import canary_arms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routing.task import FrozenTask
    from storage.database import Database
    from storage.rollouts import RolloutChange


def current(database: Database, task: FrozenTask) -> Rollout:
    """Return a task's rollout as it stands: what was changed last, or what its file says."""
    return rollouts.current(database, task.name) or Rollout.of_task(task.rollout)


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
        before.append(changes[-1].rollout if changes else Rollout.of_task(task.rollout))
        return changed(before[-1])

    now = rollouts.change(
        database, task.name, action=action, changed_by=by or user_name(), reason=reason, following=following
    )
    return before[-1], now


def roll_back(database: Database, task: FrozenTask, *, by: str | None = None, reason: str = "") -> Rollout:
    """Undo the last change that still holds, as a revision of its own. Raises UsageError where there is none."""

    def following(changes: Sequence[RolloutChange]) -> Rollout:
        return rolled_back([(change.action, change.rollout) for change in changes], Rollout.of_task(task.rollout))

    return rollouts.change(
        database, task.name, action=ROLLBACK, changed_by=by or user_name(), reason=reason, following=following
    )


def user_name() -> str:
    """Return who runs this process, `unknown` where the system does not say."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"
