"""The ledger as a producer opens it: the one that is configured, or the embedded one under the home folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from producer.home import make_folder
from routing.errors import NotFoundError
from storage import jobs, migrate
from storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.jobs import JobRecord
    from workers.settings import Settings


@contextmanager
def reach_ledger(settings: Settings) -> Iterator[Database]:
    """Open the ledger's database, whatever its tables are; an embedded one is made where there is none."""
    if settings.ledger is None:
        make_folder(settings.home)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_ledger(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """Open the ledger. With `create`, an embedded one is made and brought up to date; a configured one never is.

    Raises NotFoundError where there is no embedded ledger yet, UsageError where the tables are not the ones this
    program needs, ServiceUnreachableError where the database cannot be reached.
    """
    embedded = settings.ledger is None
    if embedded and not create and not (settings.home / "ledger.db").exists():
        raise NotFoundError(
            f"There is no ledger in {settings.home} yet.",
            "`cheapfirst run TASK INPUT...` makes one; CHEAPFIRST_HOME or DATABASE_URL names another.",
        )
    with reach_ledger(settings) as database:
        if embedded and create:
            migrate.upgrade(database)
        else:
            migrate.require_current(database)
        yield database


def find_own_job(database: Database, reference: str | None) -> JobRecord:
    """Return the job with this name or number; where none is named, the newest that is no trial of `eval` and its like.

    Raises NotFoundError.
    """
    newest = jobs.newest_own(database) if reference is None else None
    return find_job(database, reference) if newest is None else newest


def find_job(database: Database, reference: str | None) -> JobRecord:
    """Return the job with this name or number, the newest one where none is named. Raises NotFoundError."""
    if reference is not None:
        return jobs.find(database, reference)
    newest = jobs.listing(database, limit=1)
    if not newest:
        raise NotFoundError("There is no job yet.", "`cheapfirst run TASK INPUT...` submits one.")
    return newest[0]
