"""The amount that was to be paid: the candidate that the words around it and the arithmetic speak for."""

from __future__ import annotations

import re

from receipt_extractors.amounts import amounts

_TOTAL = re.compile(
    r"\b(?:t[o0]t[ao]l|amount due|to pay|payable|jumlah|summe|balance due|nett? ?(?:amt|amount))\b|\btotal",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"\b(?:grand|nett?|rounded|round ?d|incl|inclusive|payable|due|after|bill|final|amt due|rounding)\b"
    r"|\(rm\)|\b(?:rm|usd|eur|gbp)\b",
    re.IGNORECASE,
)
_NOT_FINAL = re.compile(
    r"\b(?:sub|subtotal|exc|excl|exclud\w*|exclusive|qty|quantity|items?|tax|gst|sst|vat|disc\w*|saving\w*|points?|before|"
    r"service|change|tender\w*)\b|sub-?total",
    re.IGNORECASE,
)
_INCLUSIVE = re.compile(r"incl\w*|with (?:gst|tax|vat)|\binc\b", re.IGNORECASE)
_PAID = re.compile(r"\b(?:cash|paid|tender\w*|payment|visa|master\w*|card|debit|credit|amex|received)\b", re.IGNORECASE)
_CHANGE = re.compile(r"\b(?:change|baki|balance|returned)\b", re.IGNORECASE)
_ROUNDING = re.compile(r"\bround", re.IGNORECASE)
_SUMMARY = re.compile(r"\b(?:gst|tax|vat|sst) summary|summary\b", re.IGNORECASE)
NEARLY = 0.005


def find_total(lines: list[str]) -> float | None:
    """Return the total, None where nothing looks like one."""
    scores: dict[float, float] = {}
    in_summary = False
    for index, line in enumerate(lines):
        in_summary = in_summary or bool(_SUMMARY.search(line))
        for value, score in _candidates(line, lines[index + 1] if index + 1 < len(lines) else "", index / len(lines)):
            points = score - (3.0 if in_summary else 0.0)
            scores[value] = max(scores.get(value, -9.0), points) + (0.4 if value in scores else 0.0)
    for value in _by_arithmetic(lines):
        scores[value] = scores.get(value, 0.0) + 4.0
    positive = {value: score for value, score in scores.items() if value > 0}
    if not positive:
        return None
    return max(positive, key=lambda value: (positive[value], value))


def _candidates(line: str, following: str, depth: float) -> list[tuple[float, float]]:
    if not _TOTAL.search(line):
        return []
    values = amounts(line)
    # A scan may put the amount of a heading on the line behind it.
    late = 0.0 if values else 1.0
    values = values or ([] if _TOTAL.search(following) else amounts(following)[:1])
    if not values:
        return []
    score = 5.0 + depth - late
    if _FINAL.search(line):
        score += 1.5
    if _NOT_FINAL.search(line):
        score -= 0.5 if _INCLUSIVE.search(line) else 4.0
    return [(values[-1], score)]


def _by_arithmetic(lines: list[str]) -> list[float]:
    """Return what was paid less what was given back, where both stand on the receipt."""
    paid = [value for line in lines if _PAID.search(line) and not _CHANGE.search(line) for value in amounts(line)[-1:]]
    change = [value for line in lines if _CHANGE.search(line) for value in amounts(line)[-1:]]
    known = {round(value, 2) for line in lines for value in amounts(line)}
    found = []
    for given in paid:
        for back in change:
            total = round(given - back, 2)
            if total > 0 and total in known:
                found.append(total)
    return list(dict.fromkeys(found))[:2]
