from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

from producer.exports.jsonl import write_jsonl
from producer.results import read_results
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
