"""Concurrency that tunes itself: the gate of a process follows what its provider can take.

Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the increase and decrease algorithms", 1989),
with a doubling start as in TCP. Steps are chosen so that little is thrown away: the gate is near the provider's limit
for most of the time, and beyond it for as long as the first refusal takes to come.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 2_000
"""The calls in flight that one process comes to at most."""
DOUBLING_S = 2.0
"""How long doubling takes, or as long as an answer where that is longer: a provider that lets the calls of a second
through at once hides its limit so long."""
RETURN_S = 15.0
"""How long the way back takes to where a limit was met. Steeper than that, every visit throws more calls away."""
AFTER_DOUBLING = 0.5
"""What is kept where a limit is met while doubling: a step ago, so many were taken."""
AT_THE_LIMIT = 0.85
"""What is kept where a limit is met otherwise: far enough below for its allowance to recover."""
BEYOND = 0.3
"""How steep the way is beyond where a limit was met, against the way back to it."""
HELD_BACK_HEADROOM = 0.02
"""With less of the provider's limit left, calls are held back before the provider refuses them."""
STEADY_HEADROOM = 0.1
"""With less of the provider's limit left, no more calls are let in than now."""
INFLATION = 2.0
"""How much slower than at their fastest answers may come: beyond it, calls wait in a queue of the provider's."""
STEADY_INFLATION = 1.5
"""How much slower than at their fastest answers may come for more calls to be let in; for how long, `RETURN_S`."""
AS_MANY = 0.75
"""The share of answers a second that is left where fewer calls at a time made no difference."""
SHORTEST_ROUND = 64
"""Answers whose median latency is compared."""
USED = 0.8
"""The share of the gate that is in use where its size is what holds calls back."""
TOWARDS_PEERS = 0.1
"""The share of its distance from the mean of its peers that a process goes each second."""


class Tunable(Protocol):
    """The concurrency that is tuned."""

    @property
    def limit(self) -> int:
        """How many calls may be in flight."""
        ...

    @property
    def in_flight(self) -> int:
        """How many are."""
        ...

    def tune_to(self, limit: int) -> None:
        """Let so many be in flight."""
        ...


class SelfTuning:
    """Hears of every exchange of one process, and moves its concurrency.

    What a person sets meanwhile is where it goes on from. Lives on the event loop's thread; `clock` is in seconds.
    """

    def __init__(self, concurrency: Tunable, clock: Callable[[], float] = time.monotonic) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._size = float(concurrency.limit)
        self._tuned_to = concurrency.limit
        self._doubles = True
        self._in_storm = False
        self._aim = self._top = self._pace_per_s = 0.0
        self._grew_at = self._met_limit_at = self._deaf_until = self._fast_at = clock()
        self._answered = 0
        self._latencies_s: list[float] = []
        self._round = SHORTEST_ROUND
        self._round_began = clock()
        self._latency_s = self._fastest_s = 0.0
        self._slow_from: tuple[float, float] | None = None

    def answered(self, seconds: float, headroom: float) -> None:
        """Grow, where the gate is what holds calls back; shrink, where the provider is at its limit."""
        self._follow_person()
        self._note_latency(seconds)
        if headroom < HELD_BACK_HEADROOM:
            self.limited()
        elif headroom >= STEADY_HEADROOM and self._is_held_back():
            self._grow()
        self._grew_at = self._clock()

    def limited(self) -> None:
        """Shrink, once for all the calls that were sent before it was known."""
        now = self._clock()
        self._follow_person()
        if self._answers_nobody(now):
            self._head_for(self._top)
            self._deaf_until = now + self._reaction_s
        if now < self._deaf_until:
            return
        if now - self._met_limit_at < 2 * self._reaction_s and not self._doubles:
            # Little's law: what a provider at its limit answers in a second, times how long each answer takes.
            taken = self._answered / (now - self._met_limit_at) * self._latency_s
            self._shrink(min(AT_THE_LIMIT, taken / self._size))
        else:
            self._shrink(AFTER_DOUBLING if self._doubles else AT_THE_LIMIT)

    def share(self, peers: Sequence[int]) -> None:
        """Approach the mean of the processes that press the same provider, itself included, until all have the same."""
        if len(peers) > 1:
            self._follow_person()
            self._move_to(self._size + TOWARDS_PEERS * (sum(peers) / len(peers) - self._size))

    def _answers_nobody(self, now: float) -> bool:
        """Tell whether refusals are a storm: it says nothing of how many calls are taken once it is over."""
        if not self._in_storm:
            self._in_storm = now >= self._deaf_until and not self._doubles
        return self._in_storm and not self._answered

    def _is_held_back(self) -> bool:
        """Tell whether the size of the gate is what holds calls back."""
        is_used = self._concurrency.in_flight >= USED * self._concurrency.limit
        return is_used and self._latency_s <= STEADY_INFLATION * (self._fastest_s or self._latency_s)

    @property
    def _reaction_s(self) -> float:
        """How long it takes until what was changed can be seen."""
        return self._latency_s + 0.5

    def _grow(self) -> None:
        now = self._clock()
        self._doubles = self._doubles or now - self._met_limit_at > 2 * RETURN_S  # the limit is not where it was
        since_s = min(1.0, now - self._grew_at)
        if self._doubles:
            by = self._size * (2 ** (since_s / max(DOUBLING_S, self._latency_s)) - 1)
        else:
            by = since_s * self._pace_per_s * (1 if self._size < self._aim else BEYOND)
        self._move_to(self._size + by)

    def _shrink(self, kept: float) -> None:
        self._doubles = self._in_storm = False
        was, in_a_row = self._size, self._clock() - self._met_limit_at < 2 * self._reaction_s
        self._top = max(self._top, was) if in_a_row else was
        self._move_to(min(was * kept, max(1.0, was - 1)))
        self._head_for(was)
        self._met_limit_at = self._clock()
        self._deaf_until = self._met_limit_at + self._reaction_s
        self._answered = 0

    def _head_for(self, size: float) -> None:
        self._aim = size
        self._pace_per_s = max(size - self._size, 1.0) / RETURN_S

    def _note_latency(self, seconds: float) -> None:
        self._answered += 1
        self._latency_s = self._latency_s or seconds
        if self._clock() < self._deaf_until:
            self._began_round()
            return
        self._latencies_s.append(seconds)
        if len(self._latencies_s) < self._round:
            return
        self._latency_s = median(self._latencies_s)
        self._fastest_s = min(self._fastest_s or self._latency_s, self._latency_s)
        rate_per_s = len(self._latencies_s) / max(self._clock() - self._round_began, 1e-9)
        self._compare(self._latency_s / self._fastest_s, rate_per_s)
        self._began_round()

    def _began_round(self) -> None:
        self._latencies_s.clear()
        self._round = max(SHORTEST_ROUND, int(self._size))
        self._round_began = self._clock()

    def _compare(self, inflation: float, rate_per_s: float) -> None:
        if inflation <= STEADY_INFLATION:
            self._slow_from, self._fast_at = None, self._clock()
        elif inflation > INFLATION or self._slow_from or self._clock() - self._fast_at > RETURN_S:
            self._shrink_if_queued(rate_per_s)

    def _shrink_if_queued(self, rate_per_s: float) -> None:
        """Shrink, until half as many calls bring fewer answers: then it is not their number that makes them slow."""
        size, rate_then_per_s = self._slow_from = self._slow_from or (self._size, rate_per_s)
        if self._size > size / 2:
            self._shrink(AFTER_DOUBLING if self._doubles else AT_THE_LIMIT)
        elif rate_per_s < AS_MANY * rate_then_per_s:
            self._fastest_s, self._slow_from = self._latency_s, None
        else:
            self._slow_from = (self._size, rate_per_s)

    def _follow_person(self) -> None:
        if self._concurrency.limit != self._tuned_to:
            self._tuned_to = self._concurrency.limit
            self._size = float(self._tuned_to)

    def _move_to(self, size: float) -> None:
        self._size = min(max(size, 1.0), float(MOST))
        if int(self._size) != self._tuned_to:
            self._tuned_to = int(self._size)
            self._concurrency.tune_to(self._tuned_to)
