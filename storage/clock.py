"""The database's clock, as milliseconds since 1970: the only clock that leases are measured with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from storage.database import Database


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it stands for
    """The time of the statement, by the database's clock."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "postgresql")
def _postgresql(_element: now_ms, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own signature
    return "CAST(date_part('epoch', clock_timestamp()) * 1000 AS bigint)"


@compiles(now_ms, "sqlite")
def _sqlite(_element: now_ms, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own signature
    # unixepoch('subsec') would say it shorter, from SQLite 3.42 on; Debian 12 ships 3.40.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


def read_ms(database: Database) -> int:
    """Return what the database's clock says, for comparing it with another one."""
    with database.read() as connection:
        return connection.execute(select(now_ms())).scalar_one()
