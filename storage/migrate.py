"""Bringing the ledger's tables to the version this program needs: one migrator at a time, any number may try.

Alembic is imported where there is something to do. Every command and every worker asks for the version, and with it
would each hold nine megabytes more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from routing.errors import UsageError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from storage.database import Database

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number does, as long as every migrator of this ledger takes the same one.
_ADVISORY_LOCK = 0x63686561


def upgrade(database: Database) -> bool:
    """Create or upgrade the tables. Return whether anything was done.

    Concurrent callers wait for the first one and then find nothing to do.
    """
    with database.migration() as connection:  # on SQLite the write lock itself admits one migrator
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        current = _current(connection)
        if current == _head():
            return False
        _refuse_newer(database, current)
        from alembic import command

        command.upgrade(_config(connection), "head")
    return True


def require_current(database: Database) -> None:
    """Raise UsageError unless the tables are the ones this program needs."""
    with database.read() as connection:
        current = _current(connection)
    _refuse_newer(database, current)
    if current != _head():
        raise UsageError(
            f"The ledger at {database.address} is at version {current or 'none'}, this program needs {_head()}.",
            "Run `cheapfirst db upgrade`.",
        )


def _refuse_newer(database: Database, current: str | None) -> None:
    if current is not None and current not in _revisions():
        raise UsageError(
            f"The ledger at {database.address} is at version {current}, which is newer than this program knows.",
            "Upgrade cheapfirst here: what runs already goes on, what starts needs the ledger's own version.",
        )


def version(database: Database) -> str | None:
    """Return the revision the tables are at, None where there are none."""
    with database.read() as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _head() -> str:
    return max(_revisions())


def _revisions() -> set[str]:
    """Return every revision: they are numbered, and their files' names begin with the number."""
    return {file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py")}
