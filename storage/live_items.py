"""Live items: what an application asks for one by one, in a job of its task that grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, insert, or_, select, update
from sqlmodel import col

from routing.decision import Layer
from routing.errors import JobConflictError
from storage import jobs
from storage.clock import now_ms
from storage.states import FailReason, ItemState, JobState
from storage.tables import DocumentRow, Item, Job, TierTally

if TYPE_CHECKING:
    from routing.money import NanoUsd
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.jobs import JobRecord, NewItem


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a live item stands. `is_answered` tells that nothing will change its output any more."""

    tier: str
    is_answered: bool
    job_runs: bool


def open_job(
    database: Database, *, name: str, task: FrozenTask, budget: NanoUsd | None, item_budget: NanoUsd | None
) -> JobRecord:
    """Return the live job of this name, made where there is none. Budgets that are given replace the job's.

    Raises JobConflictError where a job of this name holds something else.
    """
    job = jobs.create(
        database,
        name=name,
        task=task,
        content_hash=jobs.LIVE_CONTENT,
        items_total=0,
        budget=budget,
        item_budget=item_budget,
    )
    if not jobs.open_job(database, job.id, [tier.name for tier in task.tiers]):
        jobs.set_budget(database, job.id, budget, item_budget)
    return jobs.find(database, name)


def add(database: Database, job_id: int, item: NewItem) -> int | None:
    """Add an item to a live job and return its position, None where the job was paused, stopped or cancelled.

    A job that is done runs again. Raises JobConflictError where it has an item of this custom_id.
    """
    with database.write() as connection:
        # The tally before the job, as everything that changes counts; its lock also orders those who add.
        tally = (col(TierTally.job_id) == job_id, col(TierTally.tier) == item.tier)
        connection.execute(select(col(TierTally.queued)).where(*tally).with_for_update())
        position = connection.scalar(
            update(Job)
            .where(col(Job.id) == job_id, col(Job.state).in_({JobState.RUNNING, JobState.DONE}))
            .values(items_total=col(Job.items_total) + 1, state=JobState.RUNNING, finished_ms=None)
            .returning(col(Job.items_total))
        )
        if position is None:
            return None
        written = connection.scalar(
            database.insert(Item)
            .values(job_id=job_id, position=position, custom_id=item.custom_id, tier=item.tier, available_ms=now_ms())
            .on_conflict_do_nothing(index_elements=["job_id", "custom_id"])
            .returning(col(Item.position))
        )
        if written is None:
            raise JobConflictError(
                f"Job {job_id} has an item of this custom_id.", "Choose another, or leave it out to have one made."
            )
        document = {"job_id": job_id, "position": position, "text": item.text, "pages": item.pages}
        connection.execute(
            insert(DocumentRow).values(document | {"metadata": item.metadata, "expected": item.expected})
        )
        connection.execute(update(TierTally).where(*tally).values(queued=col(TierTally.queued) + 1))
    return int(position)


def standing(database: Database, job_id: int, position: int) -> Standing:
    """Return where an item of a live job stands."""
    with database.read() as connection:
        tier, layer, state, job_state = connection.execute(
            select(col(Item.tier), col(Item.layer), col(Item.state), col(Job.state))
            .join(Job, col(Job.id) == col(Item.job_id))
            .where(col(Item.job_id) == job_id, col(Item.position) == position)
        ).one()
    return Standing(tier, state != ItemState.QUEUED or layer == Layer.HOLDOUT, job_state == JobState.RUNNING)


def abandon(database: Database, job_id: int, position: int, lease_token: str | None) -> bool:
    """End an item that nobody waits for any more, so that no worker takes it up; return whether this did it.

    One that has ended, or is in other hands than this lease's, stays as it is. One that was only to be measured is done
    with the output it was accepted with.
    """
    with database.write() as connection:
        row = connection.execute(
            select(col(Item.tier), col(Item.layer), col(Item.reserved_nano_usd))
            .where(
                col(Item.job_id) == job_id,
                col(Item.position) == position,
                col(Item.state) == ItemState.QUEUED,
                or_(col(Item.lease_token).is_(None), col(Item.lease_token) == lease_token),
            )
            .with_for_update()
        ).one_or_none()
        if row is None:
            return False
        is_measured = row.layer == Layer.HOLDOUT
        done, failed = int(is_measured), int(not is_measured)
        connection.execute(
            update(Item)
            .where(col(Item.job_id) == job_id, col(Item.position) == position)
            .values(
                state=ItemState.DONE if is_measured else ItemState.FAILED,
                fail_reason=None if is_measured else FailReason.ABANDONED,
                lease_token=None,
                lease_until_ms=None,
                reserved_nano_usd=0,
                finished_ms=now_ms(),
            )
        )
        connection.execute(
            update(TierTally)
            .where(col(TierTally.job_id) == job_id, col(TierTally.tier) == row.tier)
            .values(queued=col(TierTally.queued) - 1, failed=col(TierTally.failed) + failed)
        )
        ends = and_(
            col(Job.items_done) + col(Job.items_failed) + 1 == col(Job.items_total),
            col(Job.state) == JobState.RUNNING,  # what a person stopped stays so
        )
        connection.execute(
            update(Job)
            .where(col(Job.id) == job_id)
            .values(
                items_done=col(Job.items_done) + done,
                items_failed=col(Job.items_failed) + failed,
                reserved_nano_usd=col(Job.reserved_nano_usd) - row.reserved_nano_usd,
                state=case((ends, JobState.DONE), else_=col(Job.state)),
                finished_ms=case((ends, now_ms()), else_=col(Job.finished_ms)),
            )
        )
    return True
