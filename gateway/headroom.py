"""What a provider's headers say of how much of its rate limits is left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-limit"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-limit"),
)
"""The headers of OpenAI and Anthropic: what remains of a limit, and the limit."""
_COUNT = re.compile(r"[0-9]{1,18}")


def headroom(headers: Mapping[str, str]) -> float:
    """Return the share that is left of the limit that is nearest to its end, 1 where the headers tell of none."""
    return min((_share(headers.get(remaining), headers.get(limit)) for remaining, limit in _LIMITS), default=1.0)


def _share(remaining: str | None, limit: str | None) -> float:
    if remaining is None or limit is None:
        return 1.0
    left, whole = _count(remaining), _count(limit)
    return 1.0 if left is None or not whole else min(1.0, left / whole)


def _count(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if _COUNT.fullmatch(stripped) else None
