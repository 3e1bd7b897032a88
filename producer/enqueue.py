"""Submitting to workers that run elsewhere: the job goes into the ledger, then onto its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.deployment_file import deployment_for
from producer.readiness import require_models
from producer.submit import submit
from routing.errors import UsageError
from storage.states import JobState
from workers.app import WorkerApp
from workers.broker import Broker
from workers.publishing import publish_job

if TYPE_CHECKING:
    from pathlib import Path

    from producer.submit import Order, Submitted
    from storage.database import Database
    from workers.settings import Settings


def enqueue(
    database: Database, settings: Settings, order: Order, *, deployment: Path | None, task_path: Path
) -> Submitted:
    """Write the job an order describes and publish what is queued of it.

    Raises UsageError where no broker is configured, ServiceUnreachableError where it cannot be reached, and what
    `submit` raises.
    """
    if settings.redis_url is None:
        raise UsageError(
            "REDIS_URL is not set, so there is no queue to submit to.",
            "Set it, or use `cheapfirst run`, which brings its own broker and workers.",
        )
    _, spec = deployment_for(settings, deployment, task_path)
    require_models(spec, order.task)
    broker = Broker(settings.redis_url)
    try:
        broker.ping()
    finally:
        broker.close()
    submitted = submit(database, order, settings.home)
    if submitted.job.state is JobState.RUNNING:
        tiers = [tier.name for tier in order.task.tiers]
        publish_job(database, WorkerApp(settings, spec).publisher, submitted.job.id, tiers)
    return submitted
