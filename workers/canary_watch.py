"""Lets a canary's own conditions act, as the sweeper goes round."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from routing.canary_conditions import Action, judge_canary
from routing.errors import UsageError
from routing.rollout import standing
from routing.rollout_changes import promoted, without_canary
from storage import jobs, rollouts
from storage.canary_tallies import canary_arms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.canary_conditions import Judged
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.rollouts import RolloutChange

log = logging.getLogger(__name__)

WHO = "cheapfirst"
"""Who a change is by that no person made."""
_ACTIONS = {
    Action.ROLLBACK: ("canary rolled back", without_canary),
    Action.PROMOTE: ("canary promoted", promoted),
}


class CanaryWatch:
    """Judges the canaries of the tasks of active jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self) -> None:
        """Roll back or promote every canary of which its conditions say so surely."""
        for task in jobs.active_tasks(self._database):
            rollout = standing(rollouts.current(self._database, task.name), task.rollout)
            canary = rollout.canary
            if canary is None or not (canary.rollback_if or canary.promote_if):
                continue
            tried, usual = canary_arms(self._database, task.name, rollout.canary_since)
            judged = judge_canary(tried, usual, canary.rollback_if, canary.promote_if)
            if judged is not None:
                self._act(task, rollout, judged)

    def _act(self, task: FrozenTask, judged_on: Rollout, judged: Judged) -> None:
        action, change = _ACTIONS[judged.action]

        def following(changes: Sequence[RolloutChange]) -> Rollout:
            now = standing(changes[-1].rollout if changes else None, task.rollout)
            if now.canary is None or now.canary_since != judged_on.canary_since:
                raise UsageError("Somebody changed this canary meanwhile.")
            return change(now)

        try:
            rollouts.change(
                self._database, task.name, action=action, changed_by=WHO, reason=judged.reason, following=following
            )
        except UsageError:
            return
        log.warning("%s: %s: %s", task.name, action, judged.reason)
