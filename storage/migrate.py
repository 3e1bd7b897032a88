"""Bringing the ledger's tables to the version this program needs: one migrator at a time, any number may try."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from routing.errors import UsageError

if TYPE_CHECKING:
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
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise UsageError(
            f"The ledger at {database.address} is at version {current}, which is newer than this program knows.",
            "Upgrade cheapfirst here: what runs already goes on, what starts needs the ledger's own version.",
        )


def version(database: Database) -> str | None:
    """Return the revision the tables are at, None where there are none."""
    with database.read() as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()
