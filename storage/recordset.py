"""Many rows in one statement.

PostgreSQL parses and plans each statement anew (see `storage/database.py`), which for a short one costs more than what
it does. There, rows travel together, as one JSON text that the server takes apart. SQLite parses a statement once for
all rows anyway.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import JSON, Text, bindparam, cast, column, func, insert, select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Insert, TableValuedAlias
    from sqlalchemy.types import TypeEngine
    from sqlmodel import SQLModel

ROWS = "rows"
"""The parameter that holds them."""


def recordset(types: Mapping[str, TypeEngine[Any]]) -> TableValuedAlias:
    """Return the rows of the parameter as PostgreSQL reads them, to select from: these columns of these types."""
    rows = func.json_to_recordset(cast(bindparam(ROWS, type_=Text), JSON))
    columns = [column(name, kind) for name, kind in types.items()]
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)


def written(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return rows as that parameter. Numbers, texts, flags and UUIDs only."""
    return {ROWS: orjson.dumps(rows).decode()}


def insert_rows(connection: Connection, table: type[SQLModel], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
    else:
        connection.execute(_insert(table, tuple(rows[0])), written(rows))


@cache
def _insert(table: type[SQLModel], names: tuple[str, ...]) -> Insert:
    columns = table.__table__.columns  # type: ignore[attr-defined] # SQLModel does not declare it
    given = recordset({name: columns[name].type for name in names})
    return insert(table).from_select(names, select(*(given.c[name] for name in names)), include_defaults=False)
