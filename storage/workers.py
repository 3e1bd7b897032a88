"""What workers say of themselves, and the concurrency a person sets for their queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select
from sqlmodel import col

from storage.clock import now_ms
from storage.tables import QueueSetting, WorkerRow
from storage.upserting import for_each_database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.database import Database
    from storage.upserting import Insert, InsertInto

HEARD_WITHIN_MS = 10_000
"""A worker that said nothing for longer is not counted as running."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One queue of one worker process: the concurrency in force, the calls in flight.

    `blocked` tells that it waits for a provider whose circuit is open; `idle_ms` is the time since it last claimed or
    recorded something, `silent_ms` the time since it said all this.
    """

    name: str
    queue: str
    concurrency: int
    in_flight: int
    blocked: bool
    idle_ms: int
    silent_ms: int


@dataclass(frozen=True, slots=True)
class WorkerStanding:
    """One worker process, whose calls in flight and concurrency are those of all its queues together."""

    name: str
    queues: tuple[str, ...]
    concurrency: int
    in_flight: int
    blocked: bool


def by_process(reports: Iterable[WorkerReport]) -> list[WorkerStanding]:
    """Return the worker processes of these reports, in their order: each reports once for every queue it serves."""
    processes: dict[str, list[WorkerReport]] = {}
    for report in reports:
        processes.setdefault(report.name, []).append(report)
    return [
        WorkerStanding(
            name,
            tuple(own.queue for own in owns),
            owns[-1].concurrency,
            owns[-1].in_flight,
            blocked=any(own.blocked for own in owns),
        )
        for name, owns in processes.items()
    ]


@dataclass(frozen=True, slots=True)
class Setting:
    """The concurrency a person set for a queue; `revision` tells a newer one from an older one."""

    concurrency: int
    revision: int


def report(
    database: Database, *, name: str, queue: str, concurrency: int, in_flight: int, blocked: bool, idle_ms: int
) -> None:
    """Say how a worker process stands with one of its queues."""
    told = {
        "b_name": name,
        "b_queue": queue,
        "b_concurrency": concurrency,
        "b_in_flight": in_flight,
        "b_blocked": blocked,
        "b_idle_ms": idle_ms,
    }
    with database.statement() as connection:
        connection.execute(_report(connection), told)


@for_each_database
def _report(insert: InsertInto) -> Insert:
    inserted = insert(WorkerRow).values(
        name=bindparam("b_name"),
        queue=bindparam("b_queue"),
        concurrency=bindparam("b_concurrency"),
        in_flight=bindparam("b_in_flight"),
        blocked=bindparam("b_blocked"),
        progress_ms=now_ms() - bindparam("b_idle_ms"),
        heard_ms=now_ms(),
    )
    told = ("concurrency", "in_flight", "blocked", "progress_ms", "heard_ms")
    changed = {name: inserted.excluded[name] for name in told}
    return inserted.on_conflict_do_update(index_elements=["name", "queue"], set_=changed)


def forget(database: Database, name: str) -> None:
    """Take a worker that leaves off the list."""
    with database.write() as connection:
        connection.execute(delete(WorkerRow).where(col(WorkerRow.name) == name))


def running(database: Database) -> list[WorkerReport]:
    """Return every worker heard of lately, by queue and name."""
    with database.read() as connection:
        rows = connection.execute(
            select(
                col(WorkerRow.name),
                col(WorkerRow.queue),
                col(WorkerRow.concurrency),
                col(WorkerRow.in_flight),
                col(WorkerRow.blocked),
                (now_ms() - col(WorkerRow.progress_ms)).label("idle_ms"),
                (now_ms() - col(WorkerRow.heard_ms)).label("silent_ms"),
            )
            .where(col(WorkerRow.heard_ms) > now_ms() - HEARD_WITHIN_MS)
            .order_by(col(WorkerRow.queue), col(WorkerRow.name))
        ).mappings()
        return [WorkerReport(**row) for row in rows]


def set_concurrency(database: Database, queue: str, concurrency: int) -> None:
    """Set the concurrency of every worker process of a queue, those that start later included."""
    statement = database.insert(QueueSetting).values(queue=queue, concurrency=concurrency, revision=1)
    with database.write() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["queue"],
                set_={"concurrency": concurrency, "revision": col(QueueSetting.revision) + 1},
            )
        )


_SETTINGS = select(col(QueueSetting.queue), col(QueueSetting.concurrency), col(QueueSetting.revision))


def settings(database: Database) -> dict[str, Setting]:
    """Return what was set, by queue."""
    with database.read() as connection:
        rows = connection.execute(_SETTINGS)
        return {queue: Setting(concurrency, revision) for queue, concurrency, revision in rows}
