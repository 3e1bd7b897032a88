"""The rule by which memory, descriptors, threads and connections of processes count as flat.

Each life of a process is judged by itself, as one that is killed begins anew; so is each measure. After a warm-up, the
life is cut into four quarters. It is flat where neither the median of the last quarter nor what the robust slope
(Theil-Sen: the median of the slopes between all pairs of samples, doi:10.1080/01621459.1968.10480934) makes of the
whole life lies further above the median of the second quarter than allowed. A role is flat where at least one life was
long enough to judge and all such lives are flat.

Pools open what they hold by need, each up to a number that is known: after a backlog late in a life there is more than
before, for good. So what never exceeds the sum of these numbers has not grown, whenever it came; a leak exceeds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tests.faults.soak.census import Holding

ALLOWED: dict[str, tuple[float, float]] = {
    "rss_mb": (0.10, 10.0),
    "descriptors": (0.10, 5.0),
    "threads": (0.10, 3.0),
    "database": (0.10, 2.0),
    "redis": (0.10, 2.0),
}
"""How much more than in the second quarter is flat, by measure: a share of it or a number, whichever is more."""
_MOST_PAIRED = 240
"""Samples that slopes are taken between: of longer lives, every second, third, ..."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process may warm up, and how many samples after that are a life to judge."""

    warm_up_s: float
    least_samples: int


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure in one life of a process. `grown` is the greater of both estimates, over `lasted_s`.

    `most` is the highest sample, the warm-up included, `ceiling` what the process's pools and the rest of it add up to,
    None where that is not known.
    """

    role: str
    pid: int
    measure: str
    lasted_s: float
    second_quarter: float
    last_quarter: float
    slope_per_h: float
    grown: float
    allowed: float
    most: float
    ceiling: float | None = None

    @property
    def is_flat(self) -> bool:
        """Whether it grew by no more than is allowed, or stayed below its ceiling all the time."""
        return self.grown <= self.allowed or (self.ceiling is not None and self.most <= self.ceiling)


class Census:
    """Takes the samples of a soak in the order of time, and judges them. Keeps numbers, no text.

    `ceilings` are by role and measure.
    """

    def __init__(self, patience: Patience, ceilings: Mapping[tuple[str, str], float] | None = None) -> None:
        self._patience = patience
        self._ceilings = ceilings or {}
        self._lives: dict[tuple[str, int], list[Holding]] = {}

    def take(self, holding: Holding) -> None:
        """Take one sample."""
        self._lives.setdefault((holding.role, holding.pid), []).append(holding)

    def trends(self) -> list[Trend]:
        """Return the trends of every life that was long enough."""
        found = []
        for life in self._lives.values():
            settled = [holding for holding in life if holding.age_s >= self._patience.warm_up_s]
            if len(settled) >= self._patience.least_samples:
                for measure in ALLOWED:
                    most = max(float(getattr(holding, measure)) for holding in life)
                    found.append(_trend(settled, measure, most, self._ceilings.get((life[0].role, measure))))
        return found

    def verdict(self, roles: Iterable[str]) -> list[str]:
        """Return a sentence for each thing that is not flat, and for each of these roles that cannot be judged."""
        trends = self.trends()
        judged = {trend.role for trend in trends}
        unjudged = [f"{role} never lived for long enough to be judged" for role in roles if role not in judged]
        return unjudged + [
            f"{trend.measure} of {trend.role} (process {trend.pid}) grew from {trend.second_quarter:g} by "
            f"{trend.grown:.1f} in {trend.lasted_s:.0f} s, {trend.allowed:.1f} are allowed"
            for trend in trends
            if not trend.is_flat
        ]

    def lives(self) -> dict[str, int]:
        """Return how many processes each role had."""
        counted: dict[str, int] = {}
        for role, _ in self._lives:
            counted[role] = counted.get(role, 0) + 1
        return counted

    def most(self, role: str, measure: str) -> float:
        """Return the highest sample of a measure among all lives of a role."""
        return max(
            getattr(holding, measure) for (lived, _), life in self._lives.items() if lived == role for holding in life
        )


def _trend(life: Sequence[Holding], measure: str, most: float, ceiling: float | None) -> Trend:
    ages = [holding.age_s for holding in life]
    values = [float(getattr(holding, measure)) for holding in life]
    quarter = len(values) // 4
    second, last = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    lasted_s = ages[-1] - ages[0]
    slope = _slope(ages, values)
    share, number = ALLOWED[measure]
    return Trend(
        role=life[0].role,
        pid=life[0].pid,
        measure=measure,
        lasted_s=lasted_s,
        second_quarter=second,
        last_quarter=last,
        slope_per_h=slope * 3600,
        grown=max(last - second, slope * lasted_s),
        allowed=max(share * second, number),
        most=most,
        ceiling=ceiling,
    )


def _slope(ages: Sequence[float], values: Sequence[float]) -> float:
    step = -(-len(ages) // _MOST_PAIRED)
    points = list(zip(ages[::step], values[::step], strict=True))
    return median((value - earlier) / (age - before) for (before, earlier), (age, value) in combinations(points, 2))
