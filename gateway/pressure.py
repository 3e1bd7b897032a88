"""The port to whoever wants to know how hard a provider can be pressed."""

from __future__ import annotations

from typing import Protocol


class PressurePort(Protocol):
    """Hears of every exchange with a provider, on the event loop's thread. Nothing may be raised or waited for."""

    def answered(self, seconds: float, headroom: float) -> None:
        """Note an answer that took so long.

        `headroom` is the share of the provider's limit that is left, between 0 and 1: 1 where nothing is known of it,
        0 where the call had to wait for a limit of our own.
        """
        ...

    def limited(self) -> None:
        """Note a call that was refused because there were too many."""
        ...
