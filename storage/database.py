"""A connection to the ledger: SQLite in WAL mode or PostgreSQL, behind the same two kinds of transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from routing.errors import ServiceUnreachableError, UsageError
from storage.rested_connections import try_rested_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

BUSY_TIMEOUT_S = 30
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


_SQLITE_OUTAGES = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_NOTADB")
_POSTGRES_OUTAGES = ("08", "25006", "25P03", "53", "57", "58")
"""What passes without anybody changing what was asked: connections, a standby, disk and memory, shutdown and crash."""
_STATEMENT_TIMED_OUT = "57014"
_POSTGRES_DISK_FULL = "53100"
_POSTGRES_NO_CONNECTION = ("53300", "too many clients", "too many connections", "connection slots")
"""How a refused connection says that there are none left: by a code where the driver has one, else in words."""


class Database:
    """The ledger's database. One per process; safe to share between threads.

    Raises UsageError for an address that names neither SQLite nor PostgreSQL. Every method that talks to the server
    raises ServiceUnreachableError where it cannot be reached.
    """

    def __init__(self, url: str, pool_size: int = 16) -> None:
        self._url = _parse(url)
        self.engine = _create_engine(self._url, pool_size)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, which has one writer at a time."""
        return self.engine.dialect.name == "sqlite"

    @property
    def address(self) -> str:
        """The address without its password, as people write it."""
        written = self._url.set(drivername=self._url.drivername.partition("+")[0])
        return written.render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write; committed at the end, rolled back where the block raises."""
        with self._transaction(immediate=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads: one consistent view on SQLite, each statement its own on PostgreSQL."""
        # There a transaction would see no more than its statements do, and cost two round trips.
        with self._transaction(immediate=False) if self.is_sqlite else self.statement() as connection:
            yield connection

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """Open a connection for one statement that may write, which the server begins and commits by itself.

        Several are a transaction each there, and one together on SQLite, where beginning one costs no round trip.
        """
        if self.is_sqlite:
            with self.write() as connection:
                yield connection
        else:
            with self._connection(immediate=True) as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def migration(self) -> Iterator[Connection]:
        """Open a transaction that may make tables anew: on SQLite, references to them are not enforced meanwhile."""
        with self._connection(immediate=True) as connection:
            if self.is_sqlite:
                _enforce_references(connection, on=False)
            try:
                with connection.begin():
                    yield connection
            finally:
                if self.is_sqlite:
                    _enforce_references(connection, on=True)

    @contextmanager
    def _transaction(self, *, immediate: bool) -> Iterator[Connection]:
        with self._connection(immediate=immediate) as connection, connection.begin():
            yield connection

    @contextmanager
    def _connection(self, *, immediate: bool) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(immediate=immediate) as connection:
                yield connection
        except PoolTimeoutError as error:
            raise ServiceUnreachableError(
                f"The ledger at {self.address} has no free connection: this process uses all of its own.",
                "They come back as statements end; look what these wait for.",
            ) from error
        except DBAPIError as error:
            quiet = _without_values(error)
            trouble = self._trouble(error)
            if trouble is None:
                raise quiet from None
            raise trouble from quiet

    def _trouble(self, error: DBAPIError) -> ServiceUnreachableError | None:
        """Return what keeps the ledger from answering, None where it did answer."""
        if _is_full(error):
            return ServiceUnreachableError(
                f"The disk of the ledger at {self.address} is full.",
                "Make room on it; work goes on by itself, and what was answered meanwhile is kept.",
            )
        if _has_no_connection(error):
            return ServiceUnreachableError(
                f"The ledger at {self.address} has no free connection: its users hold all of them.",
                "Raise max_connections there, or let fewer processes use it.",
            )
        if "password authentication failed" in str(error.orig):  # a refused connection has no code in this driver
            return ServiceUnreachableError(
                f"The ledger at {self.address} refuses the user or the password of DATABASE_URL.", "Correct them."
            )
        if error.connection_invalidated or _is_outage(error):
            return ServiceUnreachableError(
                f"The ledger at {self.address} cannot be reached.", "Start it, or correct DATABASE_URL."
            )
        return None

    def insert(self, table: Any) -> sqlite.Insert | postgresql.Insert:  # noqa: ANN401 - any mapped class
        """Return an INSERT that knows ON CONFLICT, in this database's form."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Close every connection of the pool."""
        self.engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError("DATABASE_URL is not an address.", "Write postgresql://... or sqlite:///FILE.") from error
    driver = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise UsageError(
            f"DATABASE_URL names `{parsed.drivername}`, which the ledger does not know.",
            "Write postgresql://... or sqlite:///FILE.",
        )
    return parsed.set(drivername=driver)


def _create_engine(url: URL, pool_size: int) -> Engine:
    is_sqlite = url.drivername == "sqlite"
    # A prepared statement may keep the plan made while the ledger was empty, and then takes minutes on a large one.
    postgres = {"connect_timeout": 10, "prepare_threshold": None}
    arguments: dict[str, Any] = {"timeout": BUSY_TIMEOUT_S} if is_sqlite else postgres
    try:
        engine = create_engine(
            url,
            pool_size=pool_size,
            pool_use_lifo=True,  # the one used last is known to be there, and its server process has its caches filled
            max_overflow=0,  # what flows over is opened and closed each time, with a process of PostgreSQL for it
            connect_args=arguments,
            hide_parameters=True,  # documents are parameters, and must not reach a traceback
        )
    except NoSuchModuleError as error:  # pragma: no cover - both drivers are dependencies
        raise UsageError(f"No driver for {url.drivername}.") from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        try_rested_connections(engine)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # the driver must not begin transactions by itself; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # A power cut may take the last commits back, a killed process cannot; leases then run out and the calls are redone.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _enforce_references(connection: Connection, *, on: bool) -> None:
    driver = connection.connection.driver_connection  # past SQLAlchemy, which would begin a transaction first
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write takes the lock at once: upgrading later fails where another one wrote meanwhile.
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def kind_of(error: Exception) -> str:
    """Return what an error is without the values it may quote: its type, and the driver's own where it says more."""
    kinds = [type(error).__name__, type(error.orig).__name__ if isinstance(error, DBAPIError) else ""]
    return f"{kinds[0]} ({kinds[1]})" if kinds[1] not in {"", kinds[0]} else kinds[0]


def _without_values(error: DBAPIError) -> DBAPIError:
    """Return the same error as its code, the names of what it speaks of, and its statement.

    A database's own message quotes values of rows ("Failing row contains ..."), and whatever escapes a worker is
    logged and sent on to Redis and Flower.
    """
    diagnosis = getattr(error.orig, "diag", None)
    told = (
        getattr(error.orig, "sqlstate", None),
        getattr(error.orig, "sqlite_errorname", None),
        *(getattr(diagnosis, f"{name}_name", None) for name in ("table", "column", "constraint")),
    )
    assert error.orig is not None  # what the driver raised
    original = type(error.orig)(" ".join(filter(None, told)))
    quiet = type(error)(error.statement, None, original, hide_parameters=True)
    return quiet.with_traceback(error.__traceback__)


def _is_full(error: DBAPIError) -> bool:
    return (
        getattr(error.orig, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(error.orig, "sqlstate", None) == _POSTGRES_DISK_FULL
    )


def _has_no_connection(error: DBAPIError) -> bool:
    told = f"{getattr(error.orig, 'sqlstate', None)} {error.orig}"
    return type(error.orig).__name__ == "OperationalError" and any(sign in told for sign in _POSTGRES_NO_CONNECTION)


def _is_outage(error: DBAPIError) -> bool:
    sqlite_name = getattr(error.orig, "sqlite_errorname", None)
    if sqlite_name is not None:
        return str(sqlite_name).startswith(_SQLITE_OUTAGES)
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate.startswith(_POSTGRES_OUTAGES) and sqlstate != _STATEMENT_TIMED_OUT
    return type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout", "InterfaceError"}
