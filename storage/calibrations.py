"""The versions of a task's derived thresholds. Which one is active is part of the task's rollout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlmodel import col

from routing.calibration import Calibration
from routing.errors import NotFoundError, UsageError
from storage.clock import now_ms
from storage.evaluation_tables import CalibrationRow
from storage.versions import next_version

if TYPE_CHECKING:
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class CalibrationVersion:
    """A version: its thresholds, None where the target could not be met, and what they rest on (a JSON text)."""

    version: int
    calibration: Calibration | None
    result: str
    made_by: str
    created_ms: int


def add(database: Database, task_name: str, calibration: Calibration | None, result: str, made_by: str) -> int:
    """Keep thresholds with what they rest on, and return their version."""
    with database.write() as connection:
        version = next_version(connection, CalibrationRow, task_name)
        connection.execute(
            insert(CalibrationRow).values(
                task_name=task_name,
                version=version,
                thresholds=None if calibration is None else calibration.model_dump_json(),
                result=result,
                made_by=made_by,
                created_ms=now_ms(),
            )
        )
    return version


def thresholds(database: Database, task_name: str, version: int) -> Calibration:
    """Return a version's thresholds. Raises NotFoundError, UsageError where its target could not be met."""
    with database.read() as connection:
        row = connection.execute(
            select(col(CalibrationRow.thresholds)).where(
                col(CalibrationRow.task_name) == task_name, col(CalibrationRow.version) == version
            )
        ).first()
    if row is None:
        raise NotFoundError(
            f"Task `{task_name}` has no calibration {version}.",
            "`cheapfirst calibrate TASK --list` shows those it has.",
        )
    if row.thresholds is None:
        raise UsageError(
            f"Calibration {version} of `{task_name}` has no thresholds: its target could not be met.",
            "`cheapfirst calibrate TASK --list` tells why.",
        )
    return Calibration.model_validate_json(row.thresholds)


def listing(database: Database, task_name: str) -> list[CalibrationVersion]:
    """Return every version of a task, oldest first."""
    with database.read() as connection:
        rows = connection.execute(
            select(
                col(CalibrationRow.version),
                col(CalibrationRow.thresholds),
                col(CalibrationRow.result),
                col(CalibrationRow.made_by),
                col(CalibrationRow.created_ms),
            )
            .where(col(CalibrationRow.task_name) == task_name)
            .order_by(col(CalibrationRow.version))
        )
        return [
            CalibrationVersion(
                row.version,
                None if row.thresholds is None else Calibration.model_validate_json(row.thresholds),
                row.result,
                row.made_by,
                row.created_ms,
            )
            for row in rows
        ]
