"""The smaller engine: the first thing that looks right."""

from __future__ import annotations

import re

from receipt_extractors.amounts import amounts
from receipt_extractors.dates import dates
from receipt_extractors.vocabulary import POSTCODE, STREET

_PARTIAL = re.compile(r"\b(?:sub|exc\w*|qty|quantity|items?)\b", re.IGNORECASE)
_TOTAL = re.compile(r"\btotal\b", re.IGNORECASE)


def read_quickly(lines: list[str]) -> dict[str, object]:
    """Return the fields by quick patterns: the first line, the first date, the first total, the lines of places."""
    return {
        "company": re.sub(r"\s*\([^)]*\d{4}[^)]*\)$", "", lines[0]) if lines else None,
        "date": next((text for line in lines for text in dates(line)), None),
        "address": _address(lines[1:8]),
        "total": _total(lines),
    }


def _total(lines: list[str]) -> float | None:
    """Return the amount on the lines of totals; nothing where they name different ones."""
    totals = [line for line in lines if _TOTAL.search(line) and not _PARTIAL.search(line)]
    named = {found[-1] for line in totals if (found := amounts(line))}
    return named.pop() if len(named) == 1 else None


def _address(lines: list[str]) -> str | None:
    """Return the lines from the first that names a place to the first with a postcode."""
    start = next((index for index, line in enumerate(lines) if STREET.search(line)), None)
    if start is None:
        return None
    end = next((index for index in range(start, len(lines)) if POSTCODE.search(lines[index])), start)
    return " ".join(lines[start : end + 1])
