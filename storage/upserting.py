"""Statements that add a row, or change the one that is there; put together once for SQLite and once for PostgreSQL.

The two do not share the form of ON CONFLICT, and to put such a statement together takes as long as two take to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlmodel import SQLModel

Insert: TypeAlias = sqlite.Insert | postgresql.Insert
InsertInto: TypeAlias = Callable[[Any], Insert]
"""Begins an INSERT into a mapped class."""
Statement = TypeVar("Statement")


def for_each_database(build: Callable[[InsertInto], Statement]) -> Callable[[Connection], Statement]:
    """Build a statement for either database; what is returned gives that of a connection."""
    built = {"sqlite": build(sqlite.insert), "postgresql": build(postgresql.insert)}
    return lambda connection: built[connection.dialect.name]


def adding(table: type[SQLModel], key: Sequence[str], amounts: Sequence[str]) -> Callable[[Connection], Insert]:
    """Return the statement that adds amounts to the row of a key, which begins at nothing."""

    @for_each_database
    def statement(insert: InsertInto) -> Insert:
        inserted = insert(table)
        added = {name: getattr(table, name) + inserted.excluded[name] for name in amounts}
        return inserted.on_conflict_do_update(index_elements=list(key), set_=added)

    return statement
