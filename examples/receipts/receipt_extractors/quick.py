"""The smaller engine: the first thing that looks right."""

from __future__ import annotations

import re

from receipt_extractors.amounts import amounts
from receipt_extractors.dates import dates
from receipt_extractors.vocabulary import POSTCODE, STREET

_TOTAL = re.compile(r"\btotal\b", re.IGNORECASE)


def read_quickly(lines: list[str]) -> dict[str, object]:
    """Return the fields by quick patterns: the first line, the first date, the first total, the lines of places."""
    return {
        "company": re.sub(r"\s*\([^)]*\d{4}[^)]*\)$", "", lines[0]) if lines else None,
        "date": next((text for line in lines for text in dates(line)), None),
        "address": _address(lines[1:8]),
        "total": next((found[-1] for line in lines if _TOTAL.search(line) and (found := amounts(line))), None),
    }


def _address(lines: list[str]) -> str | None:
    places = [line for line in lines if STREET.search(line) or POSTCODE.search(line)]
    return " ".join(places) or None
