"""The rollouts of tasks: every change is a revision of its own, with who made it, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from routing.rollout import Rollout
from storage.clock import now_ms
from storage.router_tables import RolloutRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from storage.database import Database


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """One revision: what was done (`ramp`, `canary`, ...), the rollout it left, who did it and why."""

    action: str
    rollout: Rollout
    changed_by: str
    reason: str
    changed_ms: int


_NEWEST = (
    select(col(RolloutRow.state))
    .where(col(RolloutRow.task_name) == bindparam("b_task_name"))
    .order_by(col(RolloutRow.revision).desc())
    .limit(1)
)


def current(database: Database, task_name: str) -> Rollout | None:
    """Return the newest revision of a task's rollout, None where nobody has changed what its file says."""
    with database.read() as connection:
        newest = connection.scalar(_NEWEST, {"b_task_name": task_name})
    return None if newest is None else Rollout.model_validate_json(newest)


def history(database: Database, task_name: str) -> list[RolloutChange]:
    """Return every change of a task's rollout, oldest first."""
    with database.read() as connection:
        return _history(connection, task_name)


def change(
    database: Database,
    task_name: str,
    *,
    action: str,
    changed_by: str,
    reason: str,
    following: Callable[[Sequence[RolloutChange]], Rollout],
) -> Rollout:
    """Write the next revision and return it; `following` makes it of the history, and may raise to change nothing.

    Changes made at the same time follow one another: none is lost.
    """
    while True:
        try:
            with database.write() as connection:
                changes = _history(connection, task_name)
                revision = changes[-1].rollout.revision + 1 if changes else 1
                rollout = following(changes).model_copy(update={"revision": revision})
                connection.execute(
                    insert(RolloutRow).values(
                        task_name=task_name,
                        revision=revision,
                        action=action,
                        state=rollout.model_dump_json(),
                        changed_by=changed_by,
                        reason=reason,
                        changed_ms=now_ms(),
                    )
                )
        except IntegrityError:
            continue  # somebody else wrote this revision meanwhile
        return rollout


def _history(connection: Connection, task_name: str) -> list[RolloutChange]:
    rows = connection.execute(
        select(
            col(RolloutRow.action),
            col(RolloutRow.state),
            col(RolloutRow.changed_by),
            col(RolloutRow.reason),
            col(RolloutRow.changed_ms),
        )
        .where(col(RolloutRow.task_name) == task_name)
        .order_by(col(RolloutRow.revision))
    )
    return [
        RolloutChange(row.action, Rollout.model_validate_json(row.state), row.changed_by, row.reason, row.changed_ms)
        for row in rows
    ]
