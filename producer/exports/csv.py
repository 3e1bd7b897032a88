"""Results as CSV (RFC 4180, UTF-8): one column for each field of the output, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

from producer.dollars import exact
from producer.exports.columns import AFTER_FIELDS, BEFORE_FIELDS, output_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import BinaryIO

    from producer.results import ResultRow
    from routing.json_value import JsonValue
    from routing.task import FrozenTask

# What spreadsheets read as the beginning of a formula (OWASP, "CSV Injection"), full-width forms included.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the look-alikes are the point
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def write_csv(rows: Iterable[ResultRow], task: FrozenTask, stream: BinaryIO) -> int:
    """Write a header and one line for each row; return how many rows there were.

    A text that a spreadsheet would run as a formula gets a leading apostrophe. Lists and objects are JSON texts.
    """
    fields = output_fields(task)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([neutral(name) for name in (*BEFORE_FIELDS, *fields.values(), *AFTER_FIELDS)])
    count = 0
    for row in rows:
        writer.writerow(_cells(row, fields))
        count += 1
    text.detach()
    return count


def _cells(row: ResultRow, fields: Mapping[str, str]) -> list[str]:
    output = row.output or {}
    return [
        neutral(row.custom_id),
        row.state,
        *(cell(output.get(name)) for name in fields),
        neutral(row.tier),
        neutral(row.model),
        exact(row.cost_usd),
        str(row.attempts),
        neutral("; ".join(row.checks_failed)),
        row.fail_reason,
        str(row.needs_review).lower(),
        str(row.latency_ms),
        row.rejected_json or "",
    ]


def cell(value: JsonValue) -> str:
    """Return a value of an output as the text of a cell: empty for null, numbers as they are."""
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def neutral(text: str) -> str:
    """Return text that no spreadsheet takes for a formula. A plain number is none, whatever its sign."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
