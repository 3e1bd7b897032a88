"""How far the signals of each task were watched for drift, and which of them have alarmed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from storage.clock import now_ms
from storage.evidence_tables import DriftRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database


@dataclass(frozen=True, slots=True)
class DriftState:
    """What was watched of a task: `state` is a JSON text, `alarms` names the signals that have alarmed."""

    basis: str
    since_ms: int
    state: str
    alarms: tuple[str, ...]
    revision: int = 0


def read(database: Database, task_name: str) -> DriftState | None:
    """Return how far a task was watched, None where it never was."""
    with database.read() as connection:
        row = connection.execute(
            select(
                col(DriftRow.basis),
                col(DriftRow.since_ms),
                col(DriftRow.state),
                col(DriftRow.alarms),
                col(DriftRow.revision),
            ).where(col(DriftRow.task_name) == task_name)
        ).first()
    if row is None:
        return None
    return DriftState(row.basis, row.since_ms, row.state, tuple(json.loads(row.alarms)), row.revision)


def write(database: Database, task_name: str, state: DriftState) -> bool:
    """Write what follows the state of this revision; return False where somebody else did so meanwhile."""
    values = {
        "revision": state.revision + 1,
        "basis": state.basis,
        "since_ms": state.since_ms,
        "state": state.state,
        "alarms": json.dumps(state.alarms),
        "changed_ms": now_ms(),
    }
    try:
        with database.write() as connection:
            if state.revision == 0:
                connection.execute(insert(DriftRow).values(task_name=task_name, **values))
                return True
            written = connection.execute(
                update(DriftRow)
                .where(col(DriftRow.task_name) == task_name, col(DriftRow.revision) == state.revision)
                .values(**values)
            )
            return written.rowcount == 1
    except IntegrityError:
        return False


def alarms(database: Database, task_names: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return the signals that have alarmed, by task: of these tasks, or of all."""
    query = select(col(DriftRow.task_name), col(DriftRow.alarms)).where(col(DriftRow.alarms) != "[]")
    if task_names is not None:
        query = query.where(col(DriftRow.task_name).in_(task_names))
    with database.read() as connection:
        return {row.task_name: tuple(json.loads(row.alarms)) for row in connection.execute(query)}
