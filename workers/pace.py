"""How often the recorder writes: the longer a write takes, the longer it gathers for the next one.

What a group costs is mostly its statements, however few items it holds. Written as soon as they come, a hundred
documents a second cost the worker and PostgreSQL more than all their calls do.
"""

from __future__ import annotations

GROUP_WAIT_S = 0.05
"""How long a finished item waits for others to share its transaction."""
RESTS_PER_WRITE = 9
"""Writing takes a tenth of the time at most, as long as that does not hold items up for longer than the next bound."""
LONGEST_REST_S = 0.25
"""Also how long an answer stays unwritten at most, and is paid for again where its worker dies meanwhile."""


class Pace:
    """Says when a group is due. All times are seconds of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._rested_at = 0.0

    def due_at(self, first_at: float) -> float:
        """Return when a group is to be written whose first item came at this time."""
        return max(first_at + GROUP_WAIT_S, self._rested_at)

    def wrote(self, began_at: float, ended_at: float) -> None:
        """Note a write."""
        self._rested_at = ended_at + min(LONGEST_REST_S, RESTS_PER_WRITE * (ended_at - began_at))
