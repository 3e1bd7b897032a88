"""What an item has met so far where no answer came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from storage.tables import Attempt

if TYPE_CHECKING:
    from collections.abc import Collection

    from storage.database import Database


def count(database: Database, job_id: int, position: int, model: str, troubles: Collection[str]) -> int:
    """Return how many calls of a model for an item ended in one of these troubles."""
    with database.read() as connection:
        return connection.execute(
            select(func.count())
            .select_from(Attempt)
            .where(
                col(Attempt.job_id) == job_id,
                col(Attempt.position) == position,
                col(Attempt.model) == model,
                col(Attempt.trouble).in_(troubles),
            )
        ).scalar_one()
