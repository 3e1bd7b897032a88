"""The larger engine: layout, neighbours and arithmetic."""

from __future__ import annotations

from receipt_extractors.header import read_header
from receipt_extractors.issued import find_date
from receipt_extractors.total import find_total


def read_thoroughly(lines: list[str]) -> dict[str, object]:
    """Return the fields that most speaks for."""
    header = read_header(lines)
    return {
        "company": header.company,
        "date": find_date(lines),
        "address": header.address,
        "total": find_total(lines),
    }
