"""How often the recorder writes, where nothing waits for it.

What a group costs is mostly its statements, however few items it holds. Written as soon as they come, a hundred
documents a second cost the worker and PostgreSQL more than all their calls do.
"""

from __future__ import annotations

GROUP_WAIT_S = 0.05
"""How long a finished item waits for others to share its transaction."""
REST_S = 0.25
"""How long nothing is written after a write.

Also how long an answer stays unwritten at most, and is paid for again where its worker dies meanwhile.
"""


class Pace:
    """Says when a group is due. All times are seconds of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._rested_at = 0.0

    def due_at(self, first_at: float) -> float:
        """Return when a group is to be written whose first item came at this time."""
        return max(first_at + GROUP_WAIT_S, self._rested_at)

    def wrote(self, ended_at: float) -> None:
        """Note a write."""
        self._rested_at = ended_at + REST_S
