"""Dollars as people read them, and as files keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_LEAST_SHOWN_IN_CENTS = 1
_DIGITS_BELOW_ONE = 4
_NANO_DIGITS = 9


def exact(usd: Decimal) -> str:
    """Return the amount in full, without an exponent and without needless zeros: `0.000123`."""
    text = format(usd, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(usd: Decimal) -> str:
    """Return the amount for a person: cents from one dollar on, four significant digits below it."""
    if abs(usd) >= _LEAST_SHOWN_IN_CENTS:
        return f"${usd:,.2f}"
    if not usd:
        return "$0"
    digits = min(_NANO_DIGITS, _DIGITS_BELOW_ONE - 1 - usd.adjusted())
    return f"${exact(round(usd, digits))}"
