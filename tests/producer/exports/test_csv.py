from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.exports.csv import cell, neutral, write_csv
from producer.results import read_results
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents

if TYPE_CHECKING:
    from storage.database import Database


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "+", "-", "-1-1"]
)
def test_a_formula_gets_a_leading_apostrophe(text: str) -> None:
    """No text of a document or a model is run by a spreadsheet."""
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "plain", "1", "-5", "-5.25", "+3", "-1e-7", "1=1", "a@b.example", "'=1"])
def test_plain_text_and_numbers_stay_as_they_are(text: str) -> None:
    """A negative number is no formula."""
    assert neutral(text) == text


@given(st.text())
def test_nothing_that_begins_like_a_formula_leaves_unless_it_is_a_number(text: str) -> None:
    """Whatever the text, its cell begins harmlessly, and the text itself is kept behind the apostrophe."""
    result = neutral(text)
    assert result in {text, f"'{text}"}
    assert not re.match(r"[=@\t\r\n]", result)
    assert not re.match(r"[+-]", result) or re.fullmatch(r"[+-]?[0-9.eE+-]+", result)


def test_cells_keep_numbers_and_nest_json() -> None:
    """Numbers are written as numbers, null as nothing, lists and objects as JSON text."""
    assert [cell(value) for value in (-5, 1.5, True, None, "x", [1, "=1"], {"a": None})] == [
        "-5",
        "1.5",
        "true",
        "",
        "x",
        '[1,"=1"]',
        '{"a":null}',
    ]


def test_a_table_has_a_column_for_each_field_and_its_provenance(sqlite_ledger: Database) -> None:
    """A field of the output that is named like a column of ours is told apart."""
    job = LedgerJob(sqlite_ledger, documents("=evil", "b"))
    job.escalate_and_accept({"company": '=HYPERLINK("x")', "total": -2.5, "tier": "gold"}, ("rules", ""))
    job.fail({"company": 'B, "quoted"\nand broken'}, ("schema", "total"))
    stream = io.BytesIO()
    assert write_csv(read_results(sqlite_ledger, job.record.id), RECEIPT, stream) == 2
    first, second = csv.DictReader(io.StringIO(stream.getvalue().decode(), newline=""))
    assert first == {
        "custom_id": "'=evil",
        "state": "done",
        "company": '\'=HYPERLINK("x")',
        "total": "-2.5",
        "lines": "",
        "output.tier": "gold",
        "tier": "expensive",
        "model": "large",
        "cost_usd": "0.011",
        "attempts": "2",
        "checks_failed": "cheap/rules",
        "fail_reason": "",
        "needs_review": "false",
        "latency_ms": "2",
        "rejected_output": "",
    }
    assert (second["state"], second["company"], second["fail_reason"]) == ("failed", "", "verdict")
    assert second["rejected_output"] == '{"company":"B, \\"quoted\\"\\nand broken"}'
