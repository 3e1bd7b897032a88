"""Jobs: created once under their name, filled in order, opened when complete, and steered by a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlmodel import col

from routing.errors import JobConflictError, NotFoundError, UsageError
from routing.task import FrozenTask
from storage.clock import now_ms
from storage.new_items import write_new_items
from storage.reserving import DAY_MS, today
from storage.states import ItemState, JobState, StopReason
from storage.tables import Item, Job, TierTally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, RowMapping, Select

    from routing.money import NanoUsd
    from storage.database import Database

LIVE_CONTENT = "live"
"""Stands for the content of a job that grows as an application asks: nobody knows it beforehand."""


class NewItem(NamedTuple):
    """A document on its way into a job. `metadata` and `expected` are JSON texts.

    A tuple: of the immutable forms it takes the least time to make, and jobs of millions make millions.
    """

    custom_id: str
    tier: str
    text: str
    metadata: str
    expected: str | None
    pages: int | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands. Money is nano-dollars, times are milliseconds since 1970."""

    id: int
    name: str
    task_name: str
    task_fingerprint: str
    content_hash: str
    state: JobState
    stop_reason: StopReason | None
    stop_detail: str
    items_total: int
    items_done: int
    items_failed: int
    budget_nano_usd: int | None
    reserved_nano_usd: int
    cost_nano_usd: int
    baseline_nano_usd: int
    cache_saved_nano_usd: int
    created_ms: int
    finished_ms: int | None

    @property
    def items_open(self) -> int:
        """Items that are neither done nor failed."""
        return self.items_total - self.items_done - self.items_failed


_RECORD_COLUMNS = [col(getattr(Job, name)) for name in JobRecord.__dataclass_fields__]


def create(
    database: Database,
    *,
    name: str,
    task: FrozenTask,
    content_hash: str,
    items_total: int,
    budget: NanoUsd | None,
    item_budget: NanoUsd | None,
) -> JobRecord:
    """Return the job of this name, created where there is none.

    The same name with the same task and content is the same job, whoever submits it and however often. Raises
    JobConflictError where a job of this name holds something else.
    """
    with database.statement() as connection:
        written = connection.execute(
            database.insert(Job)
            .values(
                name=name,
                task_name=task.name,
                task_fingerprint=task.fingerprint,
                task=task.to_json(),
                content_hash=content_hash,
                state=JobState.SUBMITTING,
                items_total=items_total,
                budget_nano_usd=budget,
                item_budget_nano_usd=item_budget,
                created_ms=now_ms(),
            )
            .on_conflict_do_nothing(index_elements=["name"])
            .returning(*_RECORD_COLUMNS)
        )
        row = written.mappings().one_or_none()
        if row is None:
            row = connection.execute(select(*_RECORD_COLUMNS).where(col(Job.name) == name)).mappings().one()
    job = _record(row)
    if (job.task_fingerprint, job.content_hash) != (task.fingerprint, content_hash):
        what = "task" if job.content_hash == content_hash else "items"
        raise JobConflictError(
            f"A job named `{name}` exists with other {what}.", "Choose another name, or submit exactly the same again."
        )
    return job


def add_items(database: Database, job_id: int, first_position: int, items: Sequence[NewItem]) -> None:
    """Write the items that stand at `first_position` and after it; positions count from 1.

    What is written already, by an earlier try or by another submitter, is skipped: batches come in order, and the
    job's row is locked while one is written.
    """
    with database.write() as connection:
        state = connection.scalar(select(col(Job.state)).where(col(Job.id) == job_id).with_for_update())
        if state != JobState.SUBMITTING:
            return
        # Asked once the job is locked: the statement that waits for it does not see what its last holder wrote.
        newest = select(func.max(col(Item.position))).where(col(Item.job_id) == job_id).scalar_subquery()
        standing: Select[*tuple[Any, ...]] = select(newest.label("written"), now_ms().label("now"))
        if not database.is_sqlite:
            # What a crash takes back is submitted again; the commit that opens the job waits for all before it.
            standing = standing.add_columns(func.set_config("synchronous_commit", "off", True))  # noqa: FBT003 - is local
        written, now, *_ = connection.execute(standing).one()
        skip = max(0, (written or 0) + 1 - first_position)
        if skip >= len(items):
            return
        write_new_items(connection, job_id, list(enumerate(items[skip:], first_position + skip)), now)


def open_job(database: Database, job_id: int, tiers: Sequence[str]) -> bool:
    """Let a completely written job run. Return whether this call did it (False: it was open already)."""
    with database.write() as connection:
        job = connection.execute(
            select(col(Job.state), col(Job.items_total)).where(col(Job.id) == job_id).with_for_update()
        ).one()
        if job.state != JobState.SUBMITTING:
            return False
        by_tier = select(col(Item.tier), func.count()).where(col(Item.job_id) == job_id).group_by(col(Item.tier))
        counts = {tier: count for tier, count in connection.execute(by_tier)}  # noqa: C416 - typed pairs
        if sum(counts.values()) != job.items_total:
            raise UsageError(
                f"Job {job_id} holds {sum(counts.values())} of its {job.items_total} items.", "Submit it again."
            )
        connection.execute(
            insert(TierTally),
            [
                {"job_id": job_id, "tier": tier, "rank": rank, "queued": counts.get(tier, 0)}
                for rank, tier in enumerate(tiers)
            ],
        )
        state = JobState.RUNNING if job.items_total else JobState.DONE
        connection.execute(
            update(Job)
            .where(col(Job.id) == job_id)
            .values(state=state, finished_ms=now_ms() if state is JobState.DONE else None)
        )
    return True


def find(database: Database, reference: str) -> JobRecord:
    """Return the job with this name or number. Raises NotFoundError."""
    condition = col(Job.name) == reference
    if reference.isascii() and reference.isdecimal() and len(reference) < 10:  # noqa: PLR2004 - fits an INTEGER
        condition = or_(condition, col(Job.id) == int(reference))
    with database.read() as connection:
        row = connection.execute(select(*_RECORD_COLUMNS).where(condition)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no job `{reference}`.", "`cheapfirst jobs` lists them.")
    return _record(row)


def listing(database: Database, limit: int = 50) -> list[JobRecord]:
    """Return the newest jobs, newest first."""
    with database.read() as connection:
        rows = connection.execute(select(*_RECORD_COLUMNS).order_by(col(Job.id).desc()).limit(limit)).mappings()
        return [_record(row) for row in rows]


def newest_own(database: Database) -> JobRecord | None:
    """Return the newest job that is no trial of a task (`NAME@PATH`), the newest trial where there is no other."""
    is_trial = case((col(Job.task_name).contains("@"), 1), else_=0)
    with database.read() as connection:
        row = connection.execute(select(*_RECORD_COLUMNS).order_by(is_trial, col(Job.id).desc()).limit(1)).mappings()
        found = row.first()
    return None if found is None else _record(found)


def of_task(database: Database, task_name: str) -> list[JobRecord]:
    """Return every job of a task, oldest first."""
    query = select(*_RECORD_COLUMNS).where(col(Job.task_name) == task_name).order_by(col(Job.id))
    with database.read() as connection:
        return [_record(row) for row in connection.execute(query).mappings()]


def is_running(database: Database, job_id: int) -> bool:
    """Tell whether a job runs."""
    with database.read() as connection:
        return connection.scalar(_STATE, {"b_job_id": job_id}) == JobState.RUNNING


_STATE = select(col(Job.state)).where(col(Job.id) == bindparam("b_job_id"))


def frozen_task(database: Database, job_id: int) -> FrozenTask:
    """Return the task a job was submitted with. Raises NotFoundError."""
    with database.read() as connection:
        text = connection.scalar(select(col(Job.task)).where(col(Job.id) == job_id))
    if text is None:
        raise NotFoundError(f"There is no job {job_id}.")
    return FrozenTask.model_validate_json(text)


def runnable_task(database: Database, job_id: int) -> FrozenTask | None:
    """Return the task a job was submitted with, None where none of its items may be called."""
    with database.read() as connection:
        text = connection.scalar(select(col(Job.task)).where(col(Job.id) == job_id, is_active()))
    return None if text is None else FrozenTask.model_validate_json(text)


def is_active() -> ColumnElement[bool]:
    """Return the condition that items of a job may be called: it runs, or is a live one between two items."""
    at_rest = and_(col(Job.content_hash) == LIVE_CONTENT, col(Job.state) == JobState.DONE)
    return or_(col(Job.state) == JobState.RUNNING, at_rest)


def active_tasks(database: Database) -> list[FrozenTask]:
    """Return the tasks of active jobs, as the newest job of each task's name froze it."""
    with database.read() as connection:
        return [FrozenTask.model_validate_json(text) for text in connection.scalars(_ACTIVE_TASKS)]


_ACTIVE_TASKS = select(col(Job.task)).where(
    col(Job.id).in_(select(func.max(col(Job.id))).where(is_active()).group_by(col(Job.task_name)))
)


def cancel(database: Database, job_id: int) -> bool:
    """Let no further item of this job be claimed; those in flight end. Return False where it had ended already."""
    return _move(database, job_id, JobState.CANCELLED, or_(is_active(), _in({JobState.PAUSED, JobState.STOPPED})))


def pause(database: Database, job_id: int) -> bool:
    """Let no further item be claimed until `resume`. Return False where the job was not active."""
    return _move(database, job_id, JobState.PAUSED, is_active())


def stop(database: Database, job_id: int, reason: StopReason, detail: str) -> bool:
    """Stop an active job by itself: `detail` says what happened and what to do. Return False for any other."""
    return _move(database, job_id, JobState.STOPPED, is_active(), reason, detail)


def _move(
    database: Database,
    job_id: int,
    to: JobState,
    where: ColumnElement[bool],
    reason: StopReason | None = None,
    detail: str = "",
) -> bool:
    is_over = col(Job.items_done) + col(Job.items_failed) == col(Job.items_total)
    with database.write() as connection:
        moved = connection.execute(
            update(Job)
            .where(col(Job.id) == job_id, where)
            .values(
                state=case((is_over, JobState.DONE), else_=to) if to is JobState.RUNNING else to,
                stop_reason=reason,
                stop_detail=detail,
                stopped_ms=now_ms() if to is JobState.STOPPED else col(Job.stopped_ms),
            )
        )
    return moved.rowcount == 1


def resume(database: Database, job_id: int) -> bool:
    """Let a paused, stopped or cancelled job run on, or be done where nothing is left. Return False for any other."""
    return _move(database, job_id, JobState.RUNNING, _in({JobState.PAUSED, JobState.STOPPED, JobState.CANCELLED}))


def _in(states: set[JobState]) -> ColumnElement[bool]:
    return col(Job.state).in_(states)


def resume_on_new_day(database: Database) -> int:
    """Let the jobs run on that the budget of an earlier day (UTC) stopped; return how many."""
    with database.statement() as connection:
        return connection.execute(_RESUME_ON_NEW_DAY).rowcount


_RESUME_ON_NEW_DAY = (
    update(Job)
    .where(
        col(Job.state) == JobState.STOPPED,
        col(Job.stop_reason) == StopReason.DAY_BUDGET,
        col(Job.stopped_ms) // DAY_MS < today(),
    )
    .values(state=JobState.RUNNING, stop_reason=None, stop_detail="")
)


def set_budget(database: Database, job_id: int, budget: NanoUsd | None, item_budget: NanoUsd | None) -> None:
    """Replace what a job and one item of it may cost, where an amount is given. It does not resume a stopped job."""
    values = {"budget_nano_usd": budget, "item_budget_nano_usd": item_budget}
    given = {name: amount for name, amount in values.items() if amount is not None}
    if given:
        with database.write() as connection:
            connection.execute(update(Job).where(col(Job.id) == job_id).values(**given))


def requeue_failed(database: Database, job_id: int) -> int:
    """Put the failed items of a job back on the tier where they failed; return how many.

    What they cost so far stays on the bill. The job runs again where there were any.
    """
    with database.write() as connection:
        requeued = connection.scalars(
            update(Item)
            .where(col(Item.job_id) == job_id, col(Item.state) == ItemState.FAILED)
            .values(
                state=ItemState.QUEUED,
                fail_reason=None,
                claims=0,
                available_ms=now_ms(),
                finished_ms=None,
                failures=None,
            )
            .returning(col(Item.tier))
        )
        by_tier = Counter(requeued)
        if not by_tier:
            return 0
        for tier, count in sorted(by_tier.items()):
            connection.execute(
                update(TierTally)
                .where(col(TierTally.job_id) == job_id, col(TierTally.tier) == tier)
                .values(queued=col(TierTally.queued) + count, failed=col(TierTally.failed) - count)
            )
        connection.execute(
            update(Job)
            .where(col(Job.id) == job_id)
            .values(
                items_failed=col(Job.items_failed) - by_tier.total(),
                state=JobState.RUNNING,
                stop_reason=None,
                stop_detail="",
                finished_ms=None,
            )
        )
    return by_tier.total()


def _record(row: RowMapping) -> JobRecord:
    values = dict(row)
    values["state"] = JobState(values["state"])
    values["stop_reason"] = StopReason(values["stop_reason"]) if values["stop_reason"] else None
    return JobRecord(**values)
