"""The rows of new items and their documents, in the way each database takes many of them fastest."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from storage.copying import copy_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from storage.jobs import NewItem

_ITEMS = "items (job_id, position, custom_id, tier, available_ms)"
_DOCUMENTS = "documents (job_id, position, text, metadata, expected, pages)"
_ROWS_AT_ONCE = 50
"""Rows of one INSERT on SQLite: the driver's part of each is as dear as the row. 50 stay below 999 parameters."""
_LINES_AT_ONCE = 500
"""Lines of one write to PostgreSQL: enough that a write costs little, and it works on them while more are made."""


def write_new_items(
    connection: Connection, job_id: int, numbered: Sequence[tuple[int, NewItem]], available_ms: int
) -> None:
    """Write items with their positions; they can be claimed from `available_ms` on."""
    write = _insert if connection.dialect.name == "sqlite" else _copy
    write(connection, job_id, numbered, available_ms)


def _insert(connection: Connection, job_id: int, numbered: Sequence[tuple[int, NewItem]], available_ms: int) -> None:
    items = [(job_id, position, item.custom_id, item.tier, available_ms) for position, item in numbered]
    _insert_rows(connection, _ITEMS, items)
    documents = [(job_id, position, text, *more) for position, (_, _, text, *more) in numbered]
    _insert_rows(connection, _DOCUMENTS, documents)


def _insert_rows(connection: Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    values = f"({', '.join('?' * len(rows[0]))})"
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    for size, part in ((_ROWS_AT_ONCE, rows[:whole]), (1, rows[whole:])):
        if part:
            statement = f"INSERT INTO {into} VALUES {', '.join([values] * size)}"  # noqa: S608 - our names
            flat = [tuple(chain(*part[start : start + size])) for start in range(0, len(part), size)]
            connection.exec_driver_sql(statement, flat)


def _copy(connection: Connection, job_id: int, numbered: Sequence[tuple[int, NewItem]], available_ms: int) -> None:
    # Lines are put together here: the driver's own writer of rows takes several times as long.
    _copy_lines(
        connection,
        _ITEMS,
        (
            f"{job_id}\t{position}\t{_escaped(custom_id)}\t{_escaped(tier)}\t{available_ms}\n"
            for position, (custom_id, tier, *_) in numbered
        ),
    )
    _copy_lines(
        connection,
        _DOCUMENTS,
        (
            f"{job_id}\t{position}\t{_escaped(text)}\t{_escaped(metadata)}\t{_escaped(expected)}"
            f"\t{_NULL if pages is None else pages}\n"
            for position, (_, _, text, metadata, expected, pages) in numbered
        ),
    )


def _copy_lines(connection: Connection, into: str, lines: Iterable[str]) -> None:
    remaining = iter(lines)
    with copy_into(connection, into) as copy:
        while block := "".join(islice(remaining, _LINES_AT_ONCE)):
            copy.write(block)


_NULL = r"\N"


def _escaped(value: str | None) -> str:
    """Return a column of COPY's text form (PostgreSQL manual, COPY, "Text Format")."""
    if value is None:
        return _NULL
    return value.replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")
