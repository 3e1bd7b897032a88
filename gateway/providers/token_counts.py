"""Reading the tokens a provider counted."""

from __future__ import annotations

from routing.completion import TokenUsage

MOST_TOKENS = 1_000_000_000
"""No call of a chat model comes near; larger counts would not fit the ledger's money."""


def token_usage(
    total_input: object, output: object, cached_input: object, cache_written: object = None
) -> TokenUsage | None:
    """Return the counts, None where they are none: an answer is worth more than its bill, which is then estimated."""
    asked, answered = _count(total_input), _count(output)
    if asked is None or answered is None:
        return None
    cached = min(_count(cached_input) or 0, asked)
    return TokenUsage(asked, answered, cached, min(_count(cache_written) or 0, asked - cached))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST_TOKENS else None
