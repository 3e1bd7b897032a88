"""Bets against the claim that nothing has changed: who grows rich by them has shown that something did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ODDS = (1 / 3, 2 / 3, 3 / 2, 3.0)
"""By how much the odds of an event may have changed; what lies between is found by its neighbour."""
_PATIENCE = 100
"""Bets after which the weight of a beginning falls as one over their number."""


@dataclass(slots=True)
class ChangeBets:
    """Wealth that no strategy can raise by much while nothing changes, and that grows once something has.

    Each bet is on an event whose probability is known where nothing has changed. Capital of 1 is spread over `slots`
    kinds of events, the four `ODDS`, and the moment from which on the odds are those; the last is weighted by
    R(k - 1) - R(k), R(k) = 1 / (1 + log(1 + k / 100)), so that a late change costs little more than an early one. While
    nothing changes the wealth is a nonnegative martingale, so that it ever reaches 1 / alpha with probability alpha at
    most (Ville, "Etude critique de la notion de collectif", 1939). A mixture over moments of change as by Shiryaev
    (1963); betting on events as by Vovk, "Testing randomness online" (Statistical Science, 2021).
    """

    slots: int
    made: int = 0
    stakes: list[float] = field(default_factory=list)

    def bet(self, events: Sequence[tuple[float, bool]]) -> float:
        """Bet on one event for each slot, given as (its probability, whether it happened).

        Return the wealth: what 1 has become. A probability must have been known before the event was.
        """
        assert len(events) == self.slots
        if not self.stakes:
            self.stakes = [0.0] * (self.slots * len(ODDS))
        waiting = _not_begun(self.made + 1)
        fresh = _not_begun(self.made) - waiting
        self.made += 1
        stakes = self.stakes
        place = 0
        for probability, happened in events:
            for odds in ODDS:
                gain = (odds if happened else 1.0) / (1 - probability + probability * odds)
                stakes[place] = (stakes[place] + fresh) * gain
                place += 1
        return sum(stakes) / place + waiting


def _not_begun(bets: int) -> float:
    """Return the share of the capital that waits for a later beginning."""
    return 1 / (1 + math.log1p(bets / _PATIENCE))
