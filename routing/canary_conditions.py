"""What a canary's own conditions say of it: rolled back, promoted, or not sure enough yet.

Both arms are judged by intervals that hold however often they are looked at, never by what was merely observed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from routing.confidence_sequence import Interval, mean_interval, share_interval

if TYPE_CHECKING:
    from routing.task import ConditionSpec

_ARMS = 2


class Action(Enum):
    """What becomes of a canary."""

    ROLLBACK = "rollback"
    PROMOTE = "promote"


@dataclass(frozen=True, slots=True)
class Arm:
    """What became of the items one model got: how many passed, and the sums of their costs and of these squared."""

    items: int
    passed: int
    cost_nano_usd: float
    cost_squared: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What to do with a canary, and the sentence that says why."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class _Compared:
    """How much worse a canary is in one respect, with the most a condition allows."""

    worse: Interval
    limit: float
    told: str

    @property
    def is_above(self) -> bool:
        return self.worse.low > self.limit

    @property
    def allowed(self) -> str:
        return f"{100 * self.limit:g} allowed"

    @property
    def is_within(self) -> bool:
        return self.worse.high <= self.limit


def judge_canary(
    canary: Arm, usual: Arm, rollback_if: ConditionSpec | None, promote_if: ConditionSpec | None
) -> Judged | None:
    """Return what the conditions say of a canary beside the tier's usual model, None where neither surely holds.

    It is rolled back where one thing stated is surely worse than allowed, promoted where all of them surely are not;
    rolling back wins. One that has passed nothing is never promoted, however cheap. "Surely" is a condition's
    `confidence` over all looks together: its alpha is split evenly over the arms and what is stated (Bonferroni).
    """
    too_bad = [compared for compared in _compared(canary, usual, rollback_if) if compared.is_above]
    if too_bad:
        return Judged(Action.ROLLBACK, "; ".join(f"{each.told}, more than {each.allowed}" for each in too_bad))
    good = _compared(canary, usual, promote_if)
    if good and canary.passed and all(compared.is_within for compared in good):
        return Judged(Action.PROMOTE, "; ".join(f"{each.told}, no more than {each.allowed}" for each in good))
    return None


def _compared(canary: Arm, usual: Arm, condition: ConditionSpec | None) -> list[_Compared]:
    if condition is None:
        return []
    drop, rise = condition.pass_rate_drop, condition.cost_rise
    stated = sum(limit is not None for limit in (drop, rise))
    alpha = (1 - condition.confidence) / (_ARMS * max(stated, 1))
    compared = []
    if drop is not None:
        compared.append(_pass_rates(canary, usual, drop, alpha))
    if rise is not None:
        compared.append(_costs(canary, usual, rise, alpha))
    return compared


def _pass_rates(canary: Arm, usual: Arm, limit: float, alpha: float) -> _Compared:
    tried, known = (share_interval(arm.passed, arm.items, alpha) for arm in (canary, usual))
    drop = Interval(known.low - tried.high, known.high - tried.low)
    passed = ", ".join(
        f"{name} {_count(arm.passed)} of {_count(arm.items)}" for name, arm in (("canary", canary), ("usual", usual))
    )
    return _Compared(drop, limit, f"pass rate fell by {_percent(drop)} points ({passed})")


def _costs(canary: Arm, usual: Arm, limit: float, alpha: float) -> _Compared:
    rise = _relative_rise(*(_mean_cost(arm, alpha) for arm in (canary, usual)))
    by = "from nothing" if math.isinf(rise.low) else f"by {_percent(rise)} %"
    counts = f"canary {_count(canary.items)} items, usual {_count(usual.items)}"
    return _Compared(rise, limit, f"cost rose {by} ({counts})")


def _mean_cost(arm: Arm, alpha: float) -> Interval:
    interval = mean_interval(arm.items, arm.cost_nano_usd, arm.cost_squared, alpha)
    return Interval(max(interval.low, 0.0), interval.high)


def _relative_rise(canary: Interval, usual: Interval) -> Interval:
    if canary.high == usual.high == 0:
        return Interval(0.0, 0.0)
    return Interval(_ratio(canary.low, usual.high) - 1, _ratio(canary.high, usual.low) - 1)


def _ratio(cost: float, usual: float) -> float:
    if usual:
        return cost / usual
    return math.inf if cost else 0.0


def _percent(interval: Interval) -> str:
    if math.isinf(interval.high):
        return f"at least {100 * interval.low:z.1f}"
    return f"{100 * interval.low:z.1f} to {100 * interval.high:z.1f}"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")
