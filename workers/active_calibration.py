"""The derived thresholds that hold under a task's rollout, where they were measured on what runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from routing.calibration import basis_of
from storage import calibrations

if TYPE_CHECKING:
    from routing.calibration import Calibration
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database

log = logging.getLogger(__name__)


def active_calibration(database: Database, task: FrozenTask, rollout: Rollout) -> Calibration | None:
    """Return the active calibration, None where there is none, or where task, models or classifier are others by now.

    Raises NotFoundError where the version is not there.
    """
    if rollout.calibration is None:
        return None
    calibration = calibrations.thresholds(database, task.taught_as, rollout.calibration)
    if calibration.basis == basis_of(rollout.applied(task), rollout.classifier):
        return calibration
    log.warning(
        "Calibration %d of %s is left aside: it was made with another task, model or classifier",
        rollout.calibration,
        task.taught_as,
    )
    return None
