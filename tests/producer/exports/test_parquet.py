from __future__ import annotations

import io
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from producer.exports.parquet import write_parquet
from producer.results import ResultRow, read_results
from routing.errors import UsageError
from routing.task import FrozenTask, JsonSchema
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents

if TYPE_CHECKING:
    from routing.json_value import JsonValue
    from storage.database import Database

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")


def test_columns_have_the_types_of_the_schema(sqlite_ledger: Database) -> None:
    """Plain fields are typed, nested ones are JSON text, money is a decimal, and the whole output stands beside."""
    job = LedgerJob(sqlite_ledger, documents("a", "b"))
    job.accept({"company": "A", "total": 2, "lines": [{"amount": 1}], "tier": "gold"})
    job.fail({"company": "B"}, ("schema", "total"))
    stream = io.BytesIO()
    assert write_parquet(read_results(sqlite_ledger, job.record.id), RECEIPT, stream) == 2
    table = parquet.read_table(stream)
    first, second = table.to_pylist()
    assert (first["company"], first["total"], first["lines"], first["output.tier"]) == (
        "A",
        2.0,
        '[{"amount": 1}]',
        "gold",
    )
    assert first["cost_usd"] == Decimal("0.001000000")
    assert first["output"] == '{"company":"A","total":2,"lines":[{"amount":1}],"tier":"gold"}'
    assert second["checks_failed"] == ["cheap/schema/total", "expensive/schema/total"]
    assert (second["company"], second["output"], second["rejected_output"]) == (None, None, '{"company":"B"}')
    assert str(table.schema.field("total").type) == "double"


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("integer", 2**63, None),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", True, None),
        ("number", 2**60 + 1, float(2**60)),
        ("number", 10**400, None),
        ("number", "1", None),
        ("boolean", False, False),
        ("string", 1, None),
        ("array", [], "[]"),
        (["string", "integer"], 1, "1"),
        (["string", "null"], "x", "x"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_null_there(kind: JsonValue, value: JsonValue, stored: object) -> None:
    """No value of an output ends the export, and none is changed into another."""
    task = FrozenTask(
        name="t", output=JsonSchema(json_schema={"properties": {"field": {"type": kind}}}), tiers=RECEIPT.tiers
    )
    import json

    row = ResultRow("a", "done", json.dumps({"field": value}), None, "cheap", "m", Decimal(0), 1, (), "", False, 1)  # noqa: FBT003
    stream = io.BytesIO()
    write_parquet([row], task, stream)
    assert parquet.read_table(stream).to_pylist()[0]["field"] == stored


def test_without_pyarrow_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named in the error."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"cheapfirst\[parquet\]"):
        write_parquet([], RECEIPT, io.BytesIO())
