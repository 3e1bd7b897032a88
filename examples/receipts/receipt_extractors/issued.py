"""The date a receipt was issued."""

from __future__ import annotations

import re

from receipt_extractors.dates import dates

_DATED = re.compile(r"\bda?te\b|\bdated\b|\btarikh\b|\bdatum\b", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(?:due|expir\w*|valid|until|exchange|within|delivery|printed|birth|since|effective)\b",
    re.IGNORECASE,
)


def find_date(lines: list[str]) -> str | None:
    """Return the date as written: one that is said to be the date, else the first that stands alone."""
    best, best_score = None, -1.0
    for index, line in enumerate(lines):
        for text in dates(line):
            score = 2.0 - index / (len(lines) + 1)
            score += 2.0 if _DATED.search(line) else 0.0
            score += 0.5 if re.search(r"\d{1,2}[:.]\d{2}", line.replace(text, "")) else 0.0
            score -= 3.0 if _OTHER.search(line) else 0.0
            if score > best_score:
                best, best_score = text, score
    return best
