"""What is left of a provider's limits is read from its headers, and nonsense is read as nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headroom import headroom


@pytest.mark.parametrize(
    ("headers", "share"),
    [
        ({}, 1.0),
        ({"x-ratelimit-remaining-requests": "25", "x-ratelimit-limit-requests": "100"}, 0.25),
        (
            {
                "x-ratelimit-remaining-requests": "90",
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-remaining-tokens": "10",
                "x-ratelimit-limit-tokens": "1000",
            },
            0.01,
        ),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-limit": "80000"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0"}, 1.0),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-limit-requests": "0"}, 1.0),
        ({"x-ratelimit-remaining-requests": "-5", "x-ratelimit-limit-requests": "10"}, 1.0),
        ({"x-ratelimit-remaining-requests": "9" * 5000, "x-ratelimit-limit-requests": "10"}, 1.0),
        ({"x-ratelimit-remaining-requests": "10", "x-ratelimit-limit-requests": "9" * 5000}, 1.0),
        ({"x-ratelimit-remaining-requests": "²", "x-ratelimit-limit-requests": "10"}, 1.0),
    ],
)
def test_the_nearest_limit_counts(headers: dict[str, str], share: float) -> None:
    """Of all limits the one that is nearest to its end tells the headroom; half of a pair tells nothing."""
    assert headroom(headers) == share


@given(st.text(), st.text())
def test_no_header_raises(remaining: str, limit: str) -> None:
    """Whatever a provider sends, the headroom is a share."""
    found = headroom({"x-ratelimit-remaining-tokens": remaining, "x-ratelimit-limit-tokens": limit})
    assert 0 <= found <= 1
