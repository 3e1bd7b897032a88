"""Many rows at once say the same as one statement for each."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from routing.errors import ServiceUnreachableError
from storage.copying import insert_rows
from storage.database import Database
from storage.router_tables import DecisionRow

MOST = 2**63 - 1


def _row(number: int, **changed: object) -> dict[str, object]:
    return {
        "uid": UUID(int=number),
        "job_id": 1,
        "position": number,
        "decided_ms": MOST,
        "tier": "cheap",
        "model": "small",
        "layer": "default",
        "cause": "first_tier",
        "rule": "",
        "probability": None,
        "threshold": None,
        "threshold_source": None,
        "version": "",
        "canary": False,
        "holdout": True,
        "signals": "{}",
    } | changed


def test_rows_come_back_as_they_were_given(ledger: Database) -> None:
    """Quotes, backslashes and signs of all planes, the largest numbers, flags, and nothing at all."""
    rows = [
        _row(1, rule='it\'s "quoted" \\ %s :name \\n\n\t\u2028', version="gr\u00fc\u00df \U0001f600"),
        _row(2, probability=0.1, threshold=1e-300, threshold_source="cost", canary=True, holdout=False),
    ]
    with ledger.write() as connection:
        insert_rows(connection, DecisionRow, tuple(rows[0]), [tuple(row.values()) for row in rows])
    with ledger.read() as connection:
        found = connection.execute(select(DecisionRow.__table__).order_by(col(DecisionRow.position))).mappings()  # type: ignore[attr-defined]
        assert [dict(row) for row in found] == rows


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)  # SQLite holds a NUL, its driver no such number
@pytest.mark.parametrize("wrong", [{"rule": "a\0b secret"}, {"position": 2**63}], ids=["NUL", "a large number"])
def test_what_a_ledger_cannot_hold_is_refused_without_its_value(ledger: Database, wrong: dict[str, object]) -> None:
    """And the connection is there for what comes next."""
    row = _row(1, **wrong)
    with pytest.raises(DBAPIError) as caught, ledger.write() as connection:
        insert_rows(connection, DecisionRow, tuple(row), [tuple(row.values())])
    assert "secret" not in str(caught.value)
    with ledger.write() as connection:
        insert_rows(connection, DecisionRow, tuple(row), [tuple(_row(1).values())])


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_halfway_is_an_outage(ledger: Database) -> None:
    """The pool opens another one then."""
    columns = tuple(_row(1))
    rows = [tuple(_row(number).values()) for number in range(1, 100)]

    def write(*, is_cut: bool) -> None:
        with ledger.write() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            if is_cut:
                with ledger.write() as other:
                    other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            insert_rows(connection, DecisionRow, columns, rows)

    with pytest.raises(ServiceUnreachableError):
        write(is_cut=True)
    write(is_cut=False)


def test_no_rows_are_no_statement(ledger: Database) -> None:
    """A group without decisions asks the ledger nothing."""
    with ledger.write() as connection:
        insert_rows(connection, DecisionRow, (), [])
