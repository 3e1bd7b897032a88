"""Trying again what failed or stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.money import to_nano_usd
from storage import jobs

if TYPE_CHECKING:
    from decimal import Decimal

    from storage.database import Database
    from storage.jobs import JobRecord


@dataclass(frozen=True, slots=True)
class Retried:
    """How many failed items are queued again, and whether a stopped, paused or cancelled job runs again."""

    requeued: int
    resumed: bool


def retry_job(database: Database, job: JobRecord, budget_usd: Decimal | None = None) -> Retried:
    """Queue a job's failed items again and let it run; what they cost so far stays on its bill.

    A budget that is given replaces the job's. Nothing is published: workers find what is queued within seconds.
    """
    if budget_usd is not None:
        jobs.set_budget(database, job.id, to_nano_usd(budget_usd), None)
    resumed = jobs.resume(database, job.id)
    return Retried(jobs.requeue_failed(database, job.id), resumed)
