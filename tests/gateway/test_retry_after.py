"""When to come back: whatever a provider sends, a bounded wait comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HEADERS = [
    *("retry-after", "retry-after-ms"),
    *("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    *("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    *("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "-7"}, 0),
        ({"retry-after": "1e300"}, LONGEST_S),
        ({"retry-after": "999999999999999999999999"}, LONGEST_S),
        ({"retry-after": "9" * 400}, LONGEST_S),
        ({"retry-after": "-" + "9" * 400}, 0),
        ({"retry-after": "inf"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:20 -0000"}, 20),
        ({"retry-after": format_datetime(NOW - timedelta(days=400), usegmt=True)}, 0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_S),
        ({"retry-after": "Fri, 31 Dec 0001 23:59:59 +2359"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}, LONGEST_S),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": ""}, 0),
        ({"x-ratelimit-remaining-requests": "0"}, 0),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "9s"}, 0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6.5s",
            },
            6.5,
        ),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:10Z",
            },
            10,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:10",
            },
            10,
        ),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "tomorrow"}, 0),
    ],
)
def test_each_form_is_read(headers: dict[str, str], seconds: float) -> None:
    """Seconds, milliseconds, dates, durations and times are understood; nonsense asks for nothing."""
    assert retry_after_s(headers, NOW) == pytest.approx(seconds)


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text("0123456789.hms-+:,TZ eE_", max_size=40),
    st.floats().map(str),
    st.integers().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes(min_value=datetime(1900, 1, 1)).map(format_datetime),  # noqa: DTZ001 - dates without a zone are the point
    st.just("0"),
)


@given(st.dictionaries(st.sampled_from(HEADERS), TEXTS))
def test_no_header_raises_or_waits_for_ever(headers: dict[str, str]) -> None:
    """The wait lies between nothing and the longest."""
    assert 0 <= retry_after_s(headers, NOW) <= LONGEST_S
