"""Amounts of money in a line."""

from __future__ import annotations

import re

# Two decimals make an amount; thousands may be set off, and a scan may leave a blank around the point.
_AMOUNT = re.compile(r"(?<![\d.,])(-?\d{1,3}(?:[,. ]\d{3})+|-?\d{1,7})\s?[.,]\s?(\d{2})(?!\d|[.,]\d|\s?%)")
LARGEST = 10_000_000.0


def amounts(line: str) -> list[float]:
    """Return the amounts in a line, from left to right, without their signs of currency."""
    found = []
    for whole, cents in _AMOUNT.findall(line):
        value = float(f"{re.sub(r'[,. ]', '', whole)}.{cents}")
        if abs(value) < LARGEST:
            found.append(value)
    return found
