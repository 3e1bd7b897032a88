"""Many rows at once say the same as one statement for each."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

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


def test_no_rows_are_no_statement(ledger: Database) -> None:
    """A group without decisions asks the ledger nothing."""
    with ledger.write() as connection:
        insert_rows(connection, DecisionRow, (), [])
