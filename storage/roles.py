"""Duties that one process holds at a time, for as long as it renews them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam
from sqlmodel import col

from storage.clock import now_ms
from storage.tables import Role
from storage.upserting import for_each_database

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from storage.database import Database
    from storage.upserting import InsertInto


def hold(database: Database, name: str, holder: str, lease_ms: int) -> bool:
    """Take or keep a role for `lease_ms` more. Return False while somebody else's lease lives."""
    with database.statement() as connection:
        held = connection.scalars(_hold(connection), {"b_name": name, "b_holder": holder, "b_lease_ms": lease_ms})
        return held.first() is not None


@for_each_database
def _hold(insert: InsertInto) -> ReturningInsert[tuple[str]]:
    inserted = insert(Role).values(
        name=bindparam("b_name"), holder=bindparam("b_holder"), until_ms=now_ms() + bindparam("b_lease_ms")
    )
    return inserted.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": inserted.excluded.holder, "until_ms": inserted.excluded.until_ms},
        where=(col(Role.holder) == inserted.excluded.holder) | (col(Role.until_ms) < now_ms()),
    ).returning(col(Role.holder))
