"""What providers say about when to come back, in all the ways they say it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:20 GMT"}, 20),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1e999"}, 0),
        ({"retry-after": "999999999"}, LONGEST_S),
        ({"retry-after": "soon"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "250ms"}, 0.25),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1m30s"}, 0),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:10Z",
            },
            10,
        ),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "later"}, 0),
        ({"anthropic-ratelimit-tokens-remaining": "0"}, 0),
    ],
)
def test_each_way_to_say_it_is_understood(headers: dict[str, str], seconds: float) -> None:
    """Seconds, dates, durations and times; what makes no sense is no wait, and no wait is longer than the bound."""
    assert retry_after_s(headers, NOW) == seconds


@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.just("0"), st.text(max_size=40))))
def test_no_header_raises(headers: dict[str, str]) -> None:
    """Headers are hostile input."""
    assert 0 <= retry_after_s(headers, NOW) <= LONGEST_S
