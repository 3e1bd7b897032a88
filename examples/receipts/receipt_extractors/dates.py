"""Dates as receipts write them."""

from __future__ import annotations

import re

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}\.?"
_NUMERIC = re.compile(
    r"(?<![\d./-])(?:(?:0?[1-9]|[12]\d|3[01])([/.-])(?:0?[1-9]|1[0-2])\1(?:20\d{2}|\d{2})"
    r"|(?:0?[1-9]|1[0-2])(/)(?:0?[1-9]|[12]\d|3[01])\2(?:20\d{2}|\d{2})"
    r"|20\d{2}([/.-])(?:0?[1-9]|1[0-2])\3(?:0?[1-9]|[12]\d|3[01]))(?!\d|[/-]\d)"
)
_WORDED = re.compile(
    rf"(?<!\w)(?:\d{{1,2}}[ /.-]{{0,2}}{_MONTH}[ ,/.'-]{{0,2}}(?:20)?\d{{2}}|{_MONTH} ?\d{{1,2}},? ?20\d{{2}})(?!\d)",
    re.IGNORECASE,
)


def dates(line: str) -> list[str]:
    """Return the dates in a line as they are written, from left to right."""
    found = [(match.start(), match[0]) for pattern in (_NUMERIC, _WORDED) for match in pattern.finditer(line)]
    return [text for _, text in sorted(found)]
