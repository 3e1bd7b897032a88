"""Money: integers of nano-dollars inside, `Decimal` dollars at the edges."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NewType

NanoUsd = NewType("NanoUsd", int)

NANO_PER_USD = 1_000_000_000


def to_nano_usd(usd: Decimal) -> NanoUsd:
    """Round dollars to the nearest nano-dollar, halves to even.

    Raises ValueError where `usd` is not finite.
    """
    if not usd.is_finite():
        raise ValueError(f"not an amount of money: {usd}")
    return NanoUsd(int((usd * NANO_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN)))


def to_usd(amount: NanoUsd) -> Decimal:
    """Return the exact dollars of an amount."""
    return Decimal(amount) / NANO_PER_USD
