"""A circuit for a broken cheap model: too many escalations of late, told before the expensive bill has grown."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.task import CircuitSpec

Z = 3.09
"""One-sided 99.9 %: of a thousand windows of a model that escalates just as often as is allowed, one opens it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Why the circuit opened: what share of how many verdicts escalated."""

    escalated: int
    verdicts: int


class EscalationCircuit:
    """Watches one tier of one job through its counts, which only grow, from those it begins with."""

    def __init__(self, spec: CircuitSpec, verdicts: int, escalated: int) -> None:
        self._spec = spec
        self._seen = deque([(verdicts, escalated)])

    def look(self, verdicts: int, escalated: int) -> Opened | None:
        """Take the counts so far; return why the circuit opens, None while it stays closed.

        The window is the last `window` verdicts, or somewhat more: as many as lie between two looks. It opens where the
        lower bound of the escalated share (Wilson, 1927) exceeds the allowed one.
        """
        seen = self._seen
        while len(seen) > 1 and verdicts - seen[1][0] >= self._spec.window:
            seen.popleft()
        in_window, up = verdicts - seen[0][0], escalated - seen[0][1]
        if verdicts > seen[-1][0]:
            seen.append((verdicts, escalated))
        if in_window < self._spec.window or lower_bound(up, in_window) <= self._spec.max_escalation:
            return None
        return Opened(up, in_window)


def lower_bound(successes: int, trials: int) -> float:
    """Return the lower end of Wilson's interval for a share."""
    share = successes / trials
    centre = share + Z * Z / (2 * trials)
    spread = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    return max(0.0, (centre - spread) / (1 + Z * Z / trials))
