"""One migrator does the work, and the migrations make what the tables declare."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import SQLModel

from routing.errors import UsageError
from storage import jobs, migrate, results
from storage.database import Database
from storage.states import JobState, StopReason


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
    """No table differs between a migrated ledger and the code, but for keys that PostgreSQL goes without."""
    with ledger.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    without = [] if ledger.is_sqlite else [("add_fk", "documents"), ("add_fk", "items")]
    assert sorted((kind, part.table.name) for kind, part in differences) == without


def test_the_version_that_is_needed_is_alembics_head() -> None:
    """It is read from the files' names, without Alembic."""
    assert migrate._head() == ScriptDirectory.from_config(migrate._config()).get_current_head()


def test_a_ledger_that_is_current_is_told_so_without_alembic(sqlite_ledger: Database) -> None:
    """A worker holds nine megabytes less."""
    code = (
        "import sys; from storage import migrate; from storage.database import Database;"
        f" migrate.require_current(Database({sqlite_ledger.address!r})); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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


def test_a_ledger_of_the_first_version_keeps_its_jobs(ledger_url: str) -> None:
    """Items that wait below are routed once they are claimed; those that were sent up stay where they are."""
    database = Database(ledger_url)
    with database.migration() as connection:
        command.upgrade(migrate._config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO jobs (id, name, task_name, task_fingerprint, task, content_hash, state, items_total,"
                " created_ms) VALUES (1, 'old', 't', 'f', '{}', 'c', 'running', 2, 0)"
            )
        )
        for position, tier, cause in ((1, "cheap", "first_tier"), (2, "expensive", "verdict_failed")):
            values = {"position": position, "name": f"item-{position}", "tier": tier, "cause": cause}
            connection.execute(
                text(
                    "INSERT INTO items (job_id, position, custom_id, tier, cause, available_ms)"
                    " VALUES (1, :position, :name, :tier, :cause, 0)"
                ),
                values,
            )
            connection.execute(
                text("INSERT INTO documents (job_id, position, text, metadata) VALUES (1, :position, 'x', '{}')"),
                values,
            )
    assert migrate.upgrade(database)
    assert [item.tier for item in results.items(database, 1)] == ["cheap", "expensive"]
    with database.read() as connection:
        decided = connection.execute(text("SELECT decided, layer FROM items ORDER BY position")).all()
    assert [(bool(row.decided), row.layer) for row in decided] == [(False, "default"), (True, "escalation")]
    assert jobs.stop(database, 1, StopReason.ESCALATIONS, "why")
    assert jobs.find(database, "old").state is JobState.STOPPED
    database.close()


def test_a_ledger_newer_than_the_program_asks_for_a_newer_program(ledger: Database) -> None:
    """An older worker that starts after an upgrade is not sent to upgrade the ledger, and does not touch it."""
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for starting in (migrate.require_current, migrate.upgrade):
        with pytest.raises(UsageError, match="newer than this program knows"):
            starting(ledger)
