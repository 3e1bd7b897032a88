"""Where the mean of bounded values lies, over all looks ever, for any number of values."""

from __future__ import annotations

import math

from routing.confidence_sequence import Interval

_MOST_BET = 0.5


class BoundedMean:
    """Takes values between `low` and `high` one by one; each look at `interval` is covered by the one `alpha`.

    The predictable plug-in empirical Bernstein confidence sequence of Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting" (Journal of the Royal Statistical Society B, 2024), theorem 2: with the values
    scaled to [0, 1], sum(l x) / sum(l) +- (log(2 / alpha) + sum(4 (x - m)^2 psi(l))) / sum(l), where m is the mean of
    those before, psi(l) = (-log(1 - l) - l) / 4, and l = min(sqrt(2 log(2 / alpha) / (v t log(1 + t))), 1 / 2) for the
    t-th value with the variance v of those before. The order of the values must not depend on what they are.
    """

    def __init__(self, low: float, high: float, alpha: float) -> None:
        self._low, self._width = low, high - low
        self._evidence = math.log(2 / alpha)
        self._count = 0
        self._total, self._squares = 0.5, 0.25
        self._bets = self._weighted = self._penalty = 0.0
        self._sum = 0.0

    @property
    def count(self) -> int:
        """How many values there were."""
        return self._count

    @property
    def mean(self) -> float:
        """The mean of the values so far, 0 before the first."""
        return self._sum / self._count if self._count else 0.0

    def add(self, value: float) -> None:
        """Take the next value. Raises ValueError where it lies outside the bounds."""
        scaled = (value - self._low) / self._width
        if not 0 <= scaled <= 1:
            raise ValueError(f"{value} lies outside the bounds")
        before, variance = self._total / (self._count + 1), self._squares / (self._count + 1)
        self._count += 1
        time = self._count
        bet = min(math.sqrt(2 * self._evidence / (variance * time * math.log1p(time))), _MOST_BET)
        self._bets += bet
        self._weighted += bet * scaled
        self._penalty += (scaled - before) ** 2 * (-math.log1p(-bet) - bet)
        self._sum += value
        self._total += scaled
        self._squares += (scaled - self._total / (time + 1)) ** 2

    def interval(self) -> Interval:
        """Return where the mean lies; all there is between the bounds before the first value."""
        if not self._count:
            return Interval(self._low, self._low + self._width)
        centre = self._weighted / self._bets
        reach = (self._evidence + self._penalty) / self._bets
        low, high = (min(1.0, max(0.0, end)) for end in (centre - reach, centre + reach))
        return Interval(self._low + low * self._width, self._low + high * self._width)
