"""The circuit breaker of one model: after repeated trouble it is left alone for a while, then asked once."""

from __future__ import annotations

from routing.errors import Trouble

TROUBLES_TO_OPEN = 5
FIRST_REST_S = 2.0
LONGEST_REST_S = 20.0
"""Asked about this often, an outage that is over is known of within half a minute."""
PROBE_ALONE_S = 10.0
"""How long a probe that has no answer yet keeps the next one waiting: what hangs says nothing about new calls."""
LIMITED_S = 5.0
"""How long a model may answer nothing but that its rate is limited, before that is taken for an outage."""


class Breaker:
    """Counts troubles in a row. All times are seconds of one monotonic clock, given by the caller.

    Closed: calls go through. Open: none do until a rest is over, which doubles with every failed probe. Half open: one
    call, the probe, goes through, and decides. Calls that were under way when it opened have no say in the rest: one
    outage under hundreds of calls in flight is one outage.
    """

    def __init__(self) -> None:
        self._in_a_row = 0
        self._rest_s = FIRST_REST_S
        self._closed_until_trouble = True
        self._limited_until = 0.0
        self._retry_at = 0.0
        self._probe_until = 0.0
        self._era = 0
        self._answered_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is open or half open, so that an answer would close it."""
        return not self._closed_until_trouble

    def unavailable_for_s(self, now: float) -> float:
        """Return how long no call goes through, 0 where one may now."""
        return max(0.0, max(self._limited_until, self._retry_at, self._probe_until) - now)

    def begin(self, now: float, timeout_s: float) -> int | None:
        """Ask to make a call. Return its era, to be told with its outcome, or None where no call goes through.

        Half open, the first to ask is the probe, and alone for at most `timeout_s`.
        """
        if self.unavailable_for_s(now) > 0:
            return None
        if self._answered_at is None:
            self._answered_at = now  # nothing can be held against it before it was asked
        if not self._closed_until_trouble:
            self._probe_until = now + min(timeout_s, PROBE_ALONE_S)
            self._era += 1
        return self._era

    def succeeded(self, now: float) -> None:
        """Note that the model answered. A rest it has asked for goes on: the answer may be to an earlier call."""
        self._in_a_row = 0
        self._rest_s = FIRST_REST_S
        self._closed_until_trouble = True
        self._retry_at = self._probe_until = 0.0
        self._answered_at = now

    def troubled(self, now: float, era: int, trouble: Trouble, retry_after_s: float) -> None:
        """Note that it had no answer. The rest it asks for (`retry_after_s`) is granted, up to the longest one."""
        if retry_after_s > 0:
            self._limited_until = max(self._limited_until, now + min(retry_after_s, LONGEST_REST_S))
        if era != self._era:
            return
        if trouble is Trouble.RATE_LIMITED and now - (self._answered_at or now) < LIMITED_S:
            self._probe_until = 0.0  # a limit is no outage: the next call need not wait for this one's timeout
            return
        self._in_a_row += 1
        if not self._closed_until_trouble:
            self._rest_s = min(LONGEST_REST_S, self._rest_s * 2)
            self._open(now)
        elif self._in_a_row >= TROUBLES_TO_OPEN:
            self._open(now)

    def _open(self, now: float) -> None:
        self._closed_until_trouble = False
        self._probe_until = 0.0
        self._era += 1
        self._retry_at = now + self._rest_s
