"""How sure a classifier must be that the first tier passes before an item starts there."""

from __future__ import annotations

from routing.decision import ThresholdSource

_NEVER = 2.0
"""A threshold that no probability reaches."""


def threshold_of_cost(first: int, last: int, typed: float | None = None) -> tuple[float, ThresholdSource]:
    """Return the least probability that lets an item start cheap, and where it comes from.

    Starting cheap costs `first` always and `last` where the answer fails: first + (1 - p) * last. Going straight up
    costs `last`. So starting cheap pays where p > first / last; above 1 it never does. What a person typed wins.
    """
    if typed is not None:
        return typed, ThresholdSource.TYPED
    if last <= 0:
        return (_NEVER if first > 0 else 0.0), ThresholdSource.COST
    return min(_NEVER, first / last), ThresholdSource.COST
