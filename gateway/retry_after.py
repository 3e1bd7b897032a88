"""What a provider says about when to come back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_S = 300.0
"""What a provider may ask for at most; beyond it is a mistake or an attack."""
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?")
_EXHAUSTED_RESETS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds a provider asks to wait, 0 where it says nothing sensible.

    Read in this order: `retry-after-ms`, `retry-after` (RFC 9110, section 10.2.3: seconds or a date), and the resets of
    exhausted rate limits of OpenAI (a duration such as `1m30s`) and Anthropic (an RFC 3339 time).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    given = headers.get("retry-after", "").strip()
    if given:
        seconds = _number(given)
        return _bounded(seconds) if seconds is not None else _bounded(_until_date(given, now))
    resets = [
        _until_reset(headers.get(reset, ""), now)
        for remaining, reset in _EXHAUSTED_RESETS
        if headers.get(remaining, "").strip() == "0"
    ]
    return _bounded(max(resets, default=0.0))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_S)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    # What is too large for a float is a number all the same; `inf` and `nan` are words.
    return value if isfinite(value) or any(map(str.isdigit, text)) else None


def _until_date(text: str, now: datetime) -> float:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()


def _until_reset(text: str, now: datetime) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match and text.strip():
        hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return 0.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
