from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.normalisation.numbers import MAX_NUMBER_CHARS, number_readings, read_digits


@pytest.mark.parametrize(
    ("written", "readings"),
    [
        (9, {"9"}),
        (9.5, {"9.5"}),
        (True, set()),
        (None, set()),
        (["9"], set()),
        ("9.00", {"9"}),
        ("RM 1,234.50", {"1234.5"}),
        ("RM1,234.50", {"1234.5"}),
        ("1.234,50 €", {"1234.5"}),
        ("1 234,50", {"1234.5"}),
        ("1'234.50", {"1234.5"}),
        ("12,34,567.00", {"1234567"}),
        ("1,234,567", {"1234567"}),
        ("1.234", {"1.234", "1234"}),
        ("1,234", {"1.234", "1234"}),
        ("0.234", {"0.234"}),
        ("1234.567", {"1234.567"}),
        (".50", {"0.5"}),
        ("-5", {"-5"}),
        ("\N{MINUS SIGN}5", {"-5"}),
        ("+5", {"5"}),
        ("5-", {"-5"}),
        ("(12.00)", {"-12"}),
        ("-RM 0.02", {"-0.02"}),
        ("RM -0.02", {"-0.02"}),
        ("US$ 9.20", {"9.2"}),
        ("$9.20", {"9.2"}),
        ("9.20 USD", {"9.2"}),
        ("9.20 usd -", {"-9.2"}),
        ("500/-", {"500"}),
        ("5.-", {"5"}),
        ("Rs. 500", {"500"}),
        ("5 %", {"5"}),
        ("Total: 9.00", set()),
        ("A4", set()),
        ("9.00 each", set()),
        ("12.01.19", set()),
        ("1 2", set()),
        ("1,2,3", set()),
        ("12 34.50", set()),
        ("9 / 10", set()),
        ("n/a", set()),
        ("", set()),
        ("1" * (MAX_NUMBER_CHARS + 1), set()),
        ("\N{ARABIC-INDIC DIGIT NINE}", {"9"}),
        ("\N{ARABIC-INDIC DIGIT ONE},234.5", {"1234.5"}),
        ("(9", set()),
        ("1" * 28, {"1" * 28}),
        ("1" * 29, set()),
    ],
)
def test_numbers_are_read_by_value(written: object, readings: set[str]) -> None:
    """Sign, currency, brackets and separators are read; what is more than a number is none."""
    assert number_readings(written) == {Decimal(reading) for reading in readings}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=2))
def test_a_price_reads_back_in_every_common_form(price: Decimal) -> None:
    """English, continental, Swiss and spaced thousands keep the value."""
    english = f"{price:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert price in number_readings(english)
    assert price in number_readings(continental)
    assert price in number_readings(english.replace(",", "'"))
    assert price in number_readings(english.replace(",", " "))
    assert price in number_readings(f"{price:.2f}")


@given(st.text(alphabet="0123456789.,' -()RM$%", max_size=MAX_NUMBER_CHARS) | st.text())
def test_reading_numbers_never_raises(text: str) -> None:
    """Any text has readings or none."""
    number_readings(text)


@given(st.text(alphabet="0123456789.,' ", max_size=MAX_NUMBER_CHARS).filter(lambda text: any(map(str.isdigit, text))))
def test_reading_digits_never_raises(token: str) -> None:
    """Any token of digits and separators has readings or none."""
    read_digits(token)
