"""What becomes of the items a worker process held when it died, where somebody saw it die."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, or_, select, tuple_, update
from sqlmodel import col

from storage.clock import now_ms
from storage.columns import unindexed
from storage.tables import Item

if TYPE_CHECKING:
    from storage.database import Database


def acquit(database: Database, process: str, culprit: tuple[int, int] | None) -> int:
    """End the leases of a process that is gone, and count its death against `culprit` alone; return how many ended.

    What it held is the sweeper's to take back at once. `process` is what its lease tokens begin with, up to the hyphen;
    `culprit` is the (job, position) whose handling ended it, None where no item's did.
    """
    with database.write() as connection:
        # In the order in which everything locks items; one of its commits may still be on its way.
        held = (
            select(col(Item.job_id), col(Item.position))
            .where(col(Item.lease_token).is_not(None), col(Item.lease_token).startswith(f"{process}-", autoescape=True))
            .order_by(unindexed(col(Item.job_id)), unindexed(col(Item.position)))
            .with_for_update()
        )
        keys = [(job_id, position) for job_id, position in connection.execute(held)]
        if keys:
            job_id, position = culprit or (0, 0)
            counted = or_(col(Item.claims) == 0, (col(Item.job_id) == job_id) & (col(Item.position) == position))
            connection.execute(
                update(Item)
                .where(tuple_(col(Item.job_id), col(Item.position)).in_(keys))
                .values(
                    lease_until_ms=now_ms() - 1,
                    claims=case((counted, col(Item.claims)), else_=col(Item.claims) - 1),
                )
            )
    return len(keys)
