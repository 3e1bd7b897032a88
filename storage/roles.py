"""Duties that one process holds at a time, for as long as it renews them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col

from storage.clock import now_ms
from storage.tables import Role

if TYPE_CHECKING:
    from storage.database import Database


def hold(database: Database, name: str, holder: str, lease_ms: int) -> bool:
    """Take or keep a role for `lease_ms` more. Return False while somebody else's lease lives."""
    statement = database.insert(Role).values(name=name, holder=holder, until_ms=now_ms() + lease_ms)
    with database.statement() as connection:
        holders = connection.scalars(
            statement.on_conflict_do_update(
                index_elements=["name"],
                set_={"holder": statement.excluded.holder, "until_ms": statement.excluded.until_ms},
                where=(col(Role.holder) == holder) | (col(Role.until_ms) < now_ms()),
            ).returning(col(Role.holder))
        )
        return holders.first() is not None
