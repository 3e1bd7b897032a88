"""Which of many thresholds are shown to keep a risk, so that all that is said of them holds together.

Angelopoulos, Bates, Candes, Jordan and Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
Control" (2021; Annals of Applied Statistics, 2025). Each threshold is a hypothesis, "its risk exceeds the target"; what
is rejected is safe to use, and a true one is rejected with a probability of at most `alpha` over all of them.

- The p-value is the exact binomial one, P(Bin(n, target) <= k) for k losses among the n answers that stand. It is at
  most alpha exactly where the one-sided upper bound of Clopper and Pearson (1934) is at most the target. Given the
  value of a threshold, what lies above it in a random sample is a random sample of all that lies above it.
- The thresholds of one signal are tried in a fixed sequence, strictest first, each only while those before it were
  rejected (section 3.3 there), so that trying many needs no correction.
- Several signals are several sequences, each with its share of alpha (Bonferroni).

Where a sequence begins and what it tries is chosen by counting answers, without looking at a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.statistics.extra import scipy_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 24
"""Thresholds that are tried of one signal."""
START_SHARE = 0.45
"""The strictest threshold lets up to this share of the answers stand. With fewer, one loss by chance would end the
sequence before it has begun."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One threshold: how many answers stand at it or above, how many of them are losses, and whether it is safe."""

    threshold: float
    stands: int
    losses: int
    is_safe: bool


def least_needed(target: float, alpha: float) -> int:
    """Return how many answers it takes to show anything, were none of them a loss."""
    return math.ceil(math.log(alpha) / math.log1p(-target))


def try_thresholds(scored: Sequence[tuple[float, bool]], target: float, alpha: float) -> list[Tried]:
    """Try thresholds of one signal on answers given as (value, is a loss), strictest first.

    With probability 1 - alpha at least, no threshold that is called safe has a risk above the target.
    """
    ordered = sorted(scored, key=lambda one: -one[0])
    counts = _counts([value for value, _ in ordered], target, alpha)
    losses = [0]
    for _, is_loss in ordered:
        losses.append(losses[-1] + is_loss)
    p_values = scipy_stats().binom.cdf([losses[count] for count in counts], counts, target) if counts else []
    tried: list[Tried] = []
    is_safe = True
    for count, p_value in zip(counts, p_values, strict=True):
        is_safe = is_safe and bool(p_value <= alpha)
        tried.append(Tried(ordered[count - 1][0], count, losses[count], is_safe))
    return tried


def _counts(values: Sequence[float], target: float, alpha: float) -> list[int]:
    """Return how many answers each threshold that is tried lets stand; equal values stand or fall together."""
    total = len(values)
    if total < least_needed(target, alpha):
        return []
    first = _first_count(total, target, alpha)
    wanted = {first + (total - first) * step // STEPS for step in range(STEPS + 1)}
    return sorted({_through_ties(values, count) for count in wanted})


def _first_count(total: int, target: float, alpha: float) -> int:
    """Return the largest count up to START_SHARE that is the least one to forgive some number of losses."""
    first = least_needed(target, alpha)
    most = max(first, math.floor(total * START_SHARE))
    forgiven = scipy_stats().binom.ppf(alpha, range(first, most + 1), target)
    for count, before, losses in zip(range(first + 1, most + 1), forgiven, forgiven[1:], strict=False):
        if losses > before:
            first = count
    return first


def _through_ties(values: Sequence[float], count: int) -> int:
    while count < len(values) and values[count] == values[count - 1]:
        count += 1
    return count
