"""The statements a piece of code sends to a ledger, and how the database would answer them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from storage.database import Database

_EXPLAINED = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")


def plans(database: Database, ask: Callable[[], object]) -> list[str]:
    """Return the steps of the plans of everything that a call sends, as the database words them."""
    with _statements(database) as sent:
        ask()
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.read() as connection:
        return [
            str(row[-1]) for statement, given in sent for row in connection.exec_driver_sql(explain + statement, given)
        ]


@contextmanager
def _statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def keep(_connection: object, _cursor: object, statement: str, given: Any, *_: object) -> None:  # noqa: ANN401 - as the driver takes it
        if statement.startswith(_EXPLAINED):
            sent.append((statement, given))

    event.listen(database.engine, "before_cursor_execute", keep)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", keep)
