"""One migrator does the work, and the migrations make what the tables declare."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

from routing.errors import UsageError
from storage import migrate
from storage.database import Database


def test_of_many_migrators_one_does_the_work(ledger_url: str) -> None:
    """Eight programs that start at once leave one migrated ledger and no error."""

    def upgrade(_: int) -> bool:
        database = Database(ledger_url)
        try:
            return migrate.upgrade(database)
        finally:
            database.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(upgrade, range(8))) == [False] * 7 + [True]


def test_the_migrations_make_what_the_tables_declare(ledger: Database) -> None:
    """No table differs between a migrated ledger and the code."""
    with ledger.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_a_ledger_that_was_never_migrated_says_what_to_run(ledger_url: str) -> None:
    """A worker on an empty database names the command that fills it."""
    database = Database(ledger_url)
    with pytest.raises(UsageError, match="cheapfirst db upgrade"):
        migrate.require_current(database)
    assert migrate.version(database) is None
    database.close()


def test_a_migrated_ledger_is_current(ledger: Database) -> None:
    """What was upgraded is what the program needs."""
    migrate.require_current(ledger)
    assert migrate.version(ledger) is not None
