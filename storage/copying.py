"""Adding many rows at once: by COPY on PostgreSQL, which neither plans nor takes JSON apart for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Copy
    from sqlalchemy import Connection
    from sqlmodel import SQLModel


def insert_rows(
    connection: Connection, table: type[SQLModel], columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Insert rows that hold these columns, in this order.

    Raises DBAPIError as any statement does, and UnicodeEncodeError, which quotes it, for text that is no UTF-8.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    with copy_into(connection, f"{table.__tablename__} ({', '.join(columns)})") as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def copy_into(connection: Connection, into: str) -> Iterator[Copy]:
    """Open a COPY into a table of PostgreSQL, named as INTO names it. Raises DBAPIError as any statement does."""
    import psycopg

    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    statement = f"COPY {into} FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as error:  # SQLAlchemy wraps what its own statements raise; this is past it
        wrapped = DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        )
        raise wrapped from None
