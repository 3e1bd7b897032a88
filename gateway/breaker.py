"""The circuit breaker of one model: after repeated trouble it is left alone for a while, then asked once."""

from __future__ import annotations

from routing.errors import Trouble

TROUBLES_TO_OPEN = 5
FIRST_REST_S = 2.0
LONGEST_REST_S = 30.0


class Breaker:
    """Counts troubles in a row. All times are seconds of one monotonic clock, given by the caller.

    Closed: calls go through. Open: none do until a rest is over, which doubles with every failed try. Half open: one
    call goes through, and decides.
    """

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rest_s = FIRST_REST_S
        self._closed_until_trouble = True
        self._retry_at = 0.0
        self._probe_until = 0.0

    def unavailable_for_s(self, now: float) -> float:
        """Return how long no call goes through, 0 where one may now."""
        until = self._retry_at if self._closed_until_trouble else max(self._retry_at, self._probe_until)
        return max(0.0, until - now)

    def begin(self, now: float, timeout_s: float) -> bool:
        """Ask to make a call. Return False where none goes through; half open, the first to ask is the probe."""
        if self.unavailable_for_s(now) > 0:
            return False
        if not self._closed_until_trouble:
            self._probe_until = now + timeout_s
        return True

    def succeeded(self) -> None:
        """Note that the model answered."""
        self._in_a_row = 0
        self._rest_s = FIRST_REST_S
        self._closed_until_trouble = True
        self._retry_at = self._probe_until = 0.0

    def troubled(self, now: float, trouble: Trouble, retry_after_s: float) -> None:
        """Note that it had no answer. The rest it asks for (`retry_after_s`) is granted, up to the longest one."""
        if retry_after_s > 0:
            self._retry_at = max(self._retry_at, now + min(retry_after_s, LONGEST_REST_S))
        if trouble is Trouble.RATE_LIMITED:
            self._probe_until = 0.0  # a limit is no outage: the next call need not be alone
            return
        self._in_a_row += 1
        if not self._closed_until_trouble:
            self._rest_s = min(LONGEST_REST_S, self._rest_s * 2)
        if self._in_a_row >= TROUBLES_TO_OPEN or not self._closed_until_trouble:
            self._closed_until_trouble = False
            self._probe_until = 0.0
            self._retry_at = max(self._retry_at, now + self._rest_s)
