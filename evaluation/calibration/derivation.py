"""From a quality target to thresholds: several signals, several ways to use them, one promise over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.calibration.cost import costs_by_threshold
from evaluation.calibration.risk_control import least_needed, try_thresholds
from evaluation.statistics.shares import highest_shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.calibration.item import CalibrationItem, Signal
    from evaluation.calibration.risk_control import Tried

    Least = Mapping[Signal, float]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to hold: of the answers that stand, no more than `margin` are worse, with `confidence`.

    `typed` are the task file's own thresholds, which a signal has while another one's are tried.
    """

    margin: float
    confidence: float
    typed: Mapping[Signal, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """Thresholds, and what they do to the documents they were tried on.

    `bound` is what the share of losses does not exceed, at the confidence of its sequence; `is_safe` tells that the
    goal is shown for it.
    """

    least: Least
    stands: int
    losses: int
    bound: float
    cost_nano_usd: int
    is_safe: bool


@dataclass(frozen=True, slots=True)
class Derivation:
    """What was tried on documents of which `candidates` could stand, `base_losses` of them worse than the last tier's.

    `chosen` is the cheapest setting for which the goal is shown, None where it is for none. `needed` is how many
    candidates it takes at least.
    """

    documents: int
    candidates: int
    base_losses: int
    needed: int
    tried: tuple[Setting, ...]
    chosen: Setting | None

    @property
    def base_risk(self) -> float:
        """The share of losses if every candidate stood."""
        return self.base_losses / self.candidates if self.candidates else 0.0

    def must_refuse(self, margin: float) -> float:
        """Return the share of candidates that any signal has to refuse, the best possible one included.

        With a base risk m and a target a: refusing losses only leaves (m - r) / (1 - r), which is a at (m - a) / (1 -
        a).
        """
        return max(0.0, (self.base_risk - margin) / (1 - margin))


def derive(items: Sequence[CalibrationItem], goal: Goal) -> Derivation:
    """Derive thresholds for the signals these documents have."""
    candidates = [item for item in items if item.is_candidate]
    signals = list(items[0].signals) if items else []
    ways = [(signal, others) for signal in signals for others in _others(signal, signals, goal)]
    alpha = (1 - goal.confidence) / max(1, len(ways))
    tried: list[Setting] = []
    for signal, others in ways:
        held = [item for item in candidates if item.stands(others)]
        scored = [(item.signals[signal], item.worse) for item in held]
        found = try_thresholds(scored, goal.margin, alpha)
        costs = costs_by_threshold(items, others, signal, [one.threshold for one in found])
        bounds = highest_shares([one.losses for one in found], [one.stands for one in found], 1 - alpha)
        tried += [
            _setting({**others, signal: one.threshold}, one, bound, cost)
            for one, bound, cost in zip(found, bounds, costs, strict=True)
        ]
    safe = [setting for setting in tried if setting.is_safe]
    return Derivation(
        documents=len(items),
        candidates=len(candidates),
        base_losses=sum(item.worse for item in candidates),
        needed=least_needed(goal.margin, alpha),
        tried=tuple(tried),
        chosen=min(safe, key=lambda setting: (setting.cost_nano_usd, -setting.stands), default=None),
    )


def _others(signal: Signal, signals: Sequence[Signal], goal: Goal) -> list[Least]:
    """Return what the other signals may be meanwhile: not looked at, or as the task file says. Neither saw a label."""
    typed = {other: goal.typed[other] for other in signals if other != signal and other in goal.typed}
    return [{}, typed] if typed else [{}]


def _setting(least: Least, one: Tried, bound: float, cost_nano_usd: int) -> Setting:
    return Setting(
        least=least,
        stands=one.stands,
        losses=one.losses,
        bound=bound,
        cost_nano_usd=cost_nano_usd,
        is_safe=one.is_safe,
    )
