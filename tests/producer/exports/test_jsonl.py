from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from producer.dollars import exact
from producer.exports.jsonl import write_jsonl
from producer.results import ResultRow, read_results
from routing.money import NanoUsd, to_usd
from tests.support.ended_jobs import LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database


def test_a_line_nests_the_output_and_keeps_money_exact(sqlite_ledger: Database) -> None:
    """Each line is one object with the output as it was accepted and its provenance."""
    job = LedgerJob(sqlite_ledger, documents("a", "b"))
    job.accept({"company": "Café", "total": 1.5})
    job.fail({"total": None}, ("rules", ""))
    stream = io.BytesIO()
    assert write_jsonl(read_results(sqlite_ledger, job.record.id), stream) == 2
    first, second = (json.loads(line, parse_float=Decimal) for line in stream.getvalue().splitlines())
    assert first == {
        "custom_id": "a",
        "state": "done",
        "output": {"company": "Café", "total": Decimal("1.5")},
        "tier": "cheap",
        "model": "small",
        "cost_usd": Decimal("0.001"),
        "attempts": 1,
        "checks_failed": [],
        "fail_reason": "",
        "needs_review": False,
        "latency_ms": 1,
        "rejected_output": None,
    }
    assert (second["output"], second["rejected_output"]) == (None, {"total": None})


def test_a_line_is_these_bytes(sqlite_ledger: Database) -> None:
    """An output goes out as the ledger keeps it, spaces and all, and an amount without an exponent."""
    job = LedgerJob(sqlite_ledger, documents('a"\\é'))
    job.escalate_and_accept({"total": 1.0}, ("rules", ""))
    with sqlite_ledger.write() as connection:
        connection.execute(
            text("""UPDATE items SET output = '{"total" : 1.0, "é":"\\n"}', cost_nano_usd = 1000000120""")
        )
    stream = io.BytesIO()
    write_jsonl(read_results(sqlite_ledger, job.record.id), stream)
    line = (
        '{"custom_id":"a\\"\\\\é","state":"done","output":{"total" : 1.0, "é":"\\n"},"tier":"expensive",'
        '"model":"large","cost_usd":1.00000012,"attempts":2,"checks_failed":["cheap/rules"],"fail_reason":"",'
        '"needs_review":false,"latency_ms":2,"rejected_output":null}\n'
    )
    assert stream.getvalue() == line.encode()


@given(st.integers(0, 10**15))
def test_money_is_exact_and_never_has_an_exponent(nano_usd: int) -> None:
    """Down to a nano-dollar."""
    row = ResultRow("a", "done", "{}", None, "cheap", "small", nano_usd, 1, (), "", False, 1)  # noqa: FBT003
    stream = io.BytesIO()
    write_jsonl([row], stream)
    assert b'"cost_usd":' + exact(to_usd(NanoUsd(nano_usd))).encode() + b"," in stream.getvalue()
    assert json.loads(stream.getvalue(), parse_float=Decimal)["cost_usd"] == row.cost_usd
