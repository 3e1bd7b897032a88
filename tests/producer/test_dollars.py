from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.dollars import exact, shown
from routing.money import NanoUsd, to_usd


@given(st.integers(-(10**18), 10**18))
def test_an_exact_amount_reads_back_as_itself(nano_usd: int) -> None:
    """Files keep money to the nano-dollar, without exponents."""
    usd = to_usd(NanoUsd(nano_usd))
    text = exact(usd)
    assert Decimal(text) == usd
    assert "E" not in text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0"),
        ("1234.567", "$1,234.57"),
        ("0.25", "$0.25"),
        ("0.123456", "$0.1235"),
        ("0.000012346", "$0.00001235"),
        ("0.000000001", "$0.000000001"),
        ("-2.5", "$-2.50"),
    ],
)
def test_people_see_cents_from_a_dollar_on_and_four_digits_below(usd: str, text: str) -> None:
    """Small amounts keep their significant digits: a call may cost a hundredth of a cent."""
    assert shown(Decimal(usd)) == text
