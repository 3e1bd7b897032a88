"""How many more documents would show something, were they like those seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_DOCUMENTS = 10_000_000


def more_needed(seen: int, is_shown: Callable[[int], bool]) -> int | None:
    """Return how many more than `seen`, to within a percent; None beyond ten million.

    `is_shown` tells whether so many documents in all would show it.
    """
    too_few = seen
    enough = max(1, too_few)
    while not is_shown(enough):
        too_few, enough = enough, enough * 2
        if enough > _MOST_DOCUMENTS:
            return None
    while enough - too_few > max(1, enough // 100):
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_shown(middle) else (middle, enough)
    return enough - seen
