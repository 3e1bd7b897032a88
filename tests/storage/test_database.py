"""The ledger's address, and what happens when nothing answers there."""

from __future__ import annotations

import traceback
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from routing.errors import ServiceUnreachableError, UsageError
from storage import jobs, migrate
from storage.database import Database, kind_of
from tests.support.ledgers import claim, running_job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db"])
def test_an_address_that_names_no_ledger_is_refused(url: str) -> None:
    """The two kinds of address are told."""
    with pytest.raises(UsageError, match="postgresql://"):
        Database(url)


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    """Nobody's password is printed because a server is down."""
    database = Database("postgresql://me:secret@127.0.0.1:1/ledger")
    with pytest.raises(ServiceUnreachableError, match="cannot be reached") as caught:
        jobs.listing(database)
    assert "secret" not in str(caught.value)


def test_a_wrong_password_is_not_called_unreachable(postgres_url: str) -> None:
    """Whoever starts the server again because of it looks in the wrong place; neither password is shown."""
    wrong = make_url(postgres_url).set(password="another").render_as_string(hide_password=False)
    with (
        closing(Database(wrong)) as ledger,
        pytest.raises(ServiceUnreachableError, match="refuses the user or the password") as told,
        ledger.read(),
    ):
        pass
    assert "another" not in str(told.value)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """A folder that does not exist is an outage with a remedy, not a traceback."""
    with pytest.raises(ServiceUnreachableError, match="DATABASE_URL"):
        jobs.listing(Database(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}"))


def test_an_error_never_quotes_a_document(ledger: Database) -> None:
    """Parameters hold document text, so they are hidden from every error."""
    with pytest.raises(DBAPIError) as caught, ledger.write() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:document)"), {"document": "a secret document"})
    assert "a secret document" not in str(caught.value)


def test_an_error_never_quotes_what_the_database_quotes(ledger: Database) -> None:
    """Databases put values of rows into their messages; what is told is the kind of error, its code and the statement.

    Whatever escapes a task of Celery goes to its log, to Redis as an event, and to the pages of Flower.
    """
    read = "json_extract('{}', :given)" if ledger.is_sqlite else "CAST(:given AS integer)"
    given = "a secret document"
    with pytest.raises(DBAPIError) as caught, ledger.read() as connection:
        connection.execute(text(f"SELECT {read}"), {"given": given})
    told = "".join(traceback.format_exception(caught.value))
    assert given not in told
    assert "22P02" in told or "SQLITE_ERROR" in told
    assert "test_an_error_never_quotes_what_the_database_quotes" in told


@pytest.mark.parametrize("sqlstate", ["08006", "25006", "53100", "53300", "57P01", "57P02", "58030"])
def test_what_passes_by_itself_is_an_outage(postgres_url: str, sqlstate: str) -> None:
    """A full disk, a standby, a crash: what was to be written is kept and tried again, not refused."""
    database = Database(postgres_url)
    with pytest.raises(ServiceUnreachableError), database.write() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"))
    database.close()


@pytest.mark.parametrize("sqlstate", ["22P05", "23514", "57014"])
def test_what_the_ledger_refuses_is_no_outage(postgres_url: str, sqlstate: str) -> None:
    """Trying the same again would be refused again."""
    database = Database(postgres_url)
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"))
    database.close()


def test_no_plan_outlives_the_transaction_it_was_made_for(postgres_url: str) -> None:
    """A plan made while the ledger was empty takes minutes where a worker's next job is large."""
    database = Database(postgres_url, pool_size=1)
    migrate.upgrade(database)
    job = running_job(database, 20)
    for position in range(1, 21):
        claim(database, job.id, [position])
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
    database.close()


def test_connections_that_died_while_they_rested_are_not_handed_out(postgres_url: str) -> None:
    """A server that restarted overnight costs the first request of the morning nothing."""
    database, other = Database(postgres_url), Database(postgres_url)
    with database.read() as first, database.read() as second:
        pids = [connection.scalar(text("SELECT pg_backend_pid()")) for connection in (first, second)]
    with other.write() as connection:
        for pid in pids:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with database.read() as first, database.read() as second:
        assert first.scalar(text("SELECT 1")) == second.scalar(text("SELECT 1"))
    database.close()
    other.close()


def test_a_connection_that_was_cut_this_moment_is_not_handed_out(postgres_url: str) -> None:
    """It is seen on its socket, without a question to the server."""
    database, other = Database(postgres_url), Database(postgres_url)
    with database.read() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with other.write() as killing:
            killing.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with database.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    database.close()
    other.close()


def test_what_only_reads_begins_no_transaction_on_postgresql(postgres_url: str) -> None:
    """It would cost two round trips, and a view that is no more consistent."""
    with closing(Database(postgres_url)) as database, database.read() as connection:
        first = connection.scalar(text("SELECT transaction_timestamp()"))
        assert connection.scalar(text("SELECT transaction_timestamp()")) != first


def test_the_connection_used_last_is_used_next(postgres_url: str) -> None:
    """It is the one that needs no trial, and whose server process has in its caches what it is asked for."""
    with closing(Database(postgres_url)) as database:
        with database.read() as first:
            pid = first.scalar(text("SELECT pg_backend_pid()"))
            with database.read() as second:
                assert second.scalar(text("SELECT pg_backend_pid()")) != pid
        with database.read() as third:
            assert third.scalar(text("SELECT pg_backend_pid()")) == pid


def test_the_kind_of_an_error_quotes_nothing(ledger: Database) -> None:
    """It is the type, and on PostgreSQL the driver's own name of what was wrong."""
    with (
        pytest.raises(ProgrammingError if not ledger.is_sqlite else OperationalError) as caught,
        ledger.read() as asked,
    ):
        asked.execute(text("SELECT 'a secret' FROM nowhere"))
    assert kind_of(caught.value) == ("OperationalError" if ledger.is_sqlite else "ProgrammingError (UndefinedTable)")
    assert kind_of(ValueError("a secret")) == "ValueError"
