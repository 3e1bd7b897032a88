"""Time to extend leases after the ledger was away: until it is over, none of them counts as run out."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_S = 5.0
"""Several beats: whoever lives has extended his leases by then, and keeps what he paid for meanwhile."""


class OutageGrace:
    """Begins with every failure at the ledger that this process sees, and lasts `GRACE_S`."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._over_at = clock()

    def begin(self) -> None:
        """Note that the ledger failed."""
        self._over_at = self._clock() + GRACE_S

    @property
    def is_over(self) -> bool:
        """Whether the ledger has answered for long enough that leases which ran out belong to dead workers."""
        return self._clock() >= self._over_at
