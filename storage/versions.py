"""Numbers of what a task has several versions of: classifiers, derived thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.evaluation_tables import CalibrationRow
    from storage.router_tables import ClassifierRow


def next_version(connection: Connection, table: type[CalibrationRow | ClassifierRow], task_name: str) -> int:
    """Return the number a task's next version gets; of two that are added at once, one fails on its key."""
    newest = connection.scalar(select(func.max(col(table.version))).where(col(table.task_name) == task_name))
    return (newest or 0) + 1
