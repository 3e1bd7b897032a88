"""What the cascade saved against sending everything to the last tier."""

from __future__ import annotations


def saved_fraction(cost_nano_usd: int, baseline_nano_usd: int) -> float | None:
    """Return the share of the baseline that was not spent; negative where more was, None without a baseline."""
    if baseline_nano_usd <= 0:
        return None
    return round(1 - cost_nano_usd / baseline_nano_usd, 6)
