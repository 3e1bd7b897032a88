"""Cancelling and pausing a job: once these return, no call for it begins any more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from storage import jobs
from workers.running_jobs import TRUST_S

if TYPE_CHECKING:
    from storage.database import Database


def cancel_job(database: Database, job_id: int) -> bool:
    """Let nothing further of a job be called; calls in flight end. Return False where it had ended already."""
    return jobs.cancel(database, job_id) and _came_round()


def pause_job(database: Database, job_id: int) -> bool:
    """Let nothing further of a job be called until it is resumed. Return False where it was not running."""
    return jobs.pause(database, job_id) and _came_round()


def _came_round() -> bool:
    threading.Event().wait(TRUST_S)  # no worker trusts an older word of the ledger
    return True
