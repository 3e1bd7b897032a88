"""The smaller engine: the first thing that looks right."""

from __future__ import annotations

import re
from itertools import takewhile

from receipt_extractors.amounts import amounts
from receipt_extractors.dates import dates
from receipt_extractors.vocabulary import POSTCODE, STREET

_PARTIAL = re.compile(r"\b(?:sub|exc\w*|qty|quantity|items?|before|tax|gst|vat)\b", re.IGNORECASE)
_REGISTERED = re.compile(r"\s*\([^)]*\d{4}[^)]*\)$")
_SUMMARY = re.compile(r"\bsummary\b", re.IGNORECASE)
_HEADING = re.compile(r"^\W*(?:tax )?(?:invoice|receipt|cash bill)\W*$", re.IGNORECASE)
_TOTAL = re.compile(r"\btotal\b", re.IGNORECASE)


def read_quickly(lines: list[str]) -> dict[str, object]:
    """Return the fields by quick patterns: the first line, the first date, the first total, the lines of places."""
    return {
        "company": next((_REGISTERED.sub("", line) for line in lines if not _HEADING.match(line)), None),
        "date": next((text for line in lines for text in dates(line)), None),
        "address": _address(lines[1:8]),
        "total": _total(lines),
    }


def _total(lines: list[str]) -> float | None:
    """Return the amount on the lines of totals; nothing where they name different ones."""
    body = list(takewhile(lambda line: not _SUMMARY.search(line), lines))
    totals = [line for line in body if _TOTAL.search(line) and not _PARTIAL.search(line)]
    named = {found[-1] for line in totals if (found := amounts(line))}
    return named.pop() if len(named) == 1 else None


def _address(lines: list[str]) -> str | None:
    """Return the lines from the first that names a place to the first with a postcode."""
    start = next((index for index, line in enumerate(lines) if STREET.search(line)), None)
    if start is None:
        return None
    end = next((index for index in range(start, len(lines)) if POSTCODE.search(lines[index])), start)
    return " ".join(lines[start : end + 1])
