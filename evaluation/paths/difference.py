"""One path against another, document by document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.statistics.bootstrap import mean_difference, saved_share
from evaluation.statistics.pairs import PairedCounts, mcnemar, newcombe
from evaluation.statistics.safety import assess
from routing.money import NanoUsd, to_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.paths.item import PathItem
    from evaluation.statistics.safety import Assessment
    from routing.confidence_sequence import Interval

Pair = tuple["PathItem", "PathItem"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean difference with its interval, None where too few documents tell one."""

    mean: float
    interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        interval = None if self.interval is None else [self.interval.low, self.interval.high]
        return {"mean": self.mean, "interval": interval}


@dataclass(frozen=True, slots=True)
class PathDifference:
    """The candidate less the baseline: whole documents, each field, cost and latency.

    `chance` is McNemar's probability of so unequal a split by chance. `saved` is the share of the baseline's cost that
    the candidate does not spend, None where the baseline costs nothing. Latency is over the pairs that both were timed.
    """

    assessment: Assessment
    chance: float
    fields: Mapping[str, Measured]
    cost_nano_usd: Measured
    saved: Measured | None
    latency_ms: Measured | None
    timed: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        assessment, counts = self.assessment, self.assessment.counts
        cost = self.cost_nano_usd.as_json()
        return {
            "safety": assessment.safety.value,
            "difference": assessment.difference,
            "interval": [assessment.interval.low, assessment.interval.high],
            "margin": assessment.margin,
            "confidence": assessment.confidence,
            "more_needed": assessment.more_needed,
            "pairs": {
                "both_right": counts.both,
                "better": counts.better,
                "worse": counts.worse,
                "both_wrong": counts.neither,
            },
            "mcnemar_p": self.chance,
            "fields": {name: measured.as_json() for name, measured in self.fields.items()},
            "cost_per_item_usd": {
                "mean": _usd(cost["mean"]),
                "interval": cost["interval"] and [_usd(end) for end in cost["interval"]],
            },
            "saved_fraction": None if self.saved is None else self.saved.as_json(),
            "latency_ms": None if self.latency_ms is None else self.latency_ms.as_json() | {"timed": self.timed},
        }


def difference(
    candidate: Mapping[str, PathItem], baseline: Mapping[str, PathItem], margin: float, confidence: float
) -> PathDifference:
    """Compare two paths on the documents that both have; one at least."""
    pairs = paired(candidate, baseline)
    counts = PairedCounts.of((one.right, other.right) for one, other in pairs)
    costs, base_costs = ([float(item.cost_nano_usd) for item in side] for side in zip(*pairs, strict=True))
    times = [
        (float(one.latency_ms), float(other.latency_ms))
        for one, other in pairs
        if one.latency_ms is not None and other.latency_ms is not None
    ]
    return PathDifference(
        assessment=assess(counts, margin, confidence),
        chance=mcnemar(counts),
        fields=_fields(pairs, confidence),
        cost_nano_usd=_measured(list(zip(costs, base_costs, strict=True)), confidence),
        saved=_saved(costs, base_costs, confidence),
        latency_ms=_measured(times, confidence) if times else None,
        timed=len(times),
    )


def paired(candidate: Mapping[str, PathItem], baseline: Mapping[str, PathItem]) -> list[Pair]:
    """Return the documents that both paths have, in the candidate's order."""
    return [(item, baseline[name]) for name, item in candidate.items() if name in baseline]


def _fields(pairs: Sequence[Pair], confidence: float) -> dict[str, Measured]:
    scores: dict[str, list[tuple[float, float]]] = {}
    for one, other in pairs:
        for name in one.scores.keys() & other.scores.keys():
            scores.setdefault(name, []).append((one.scores[name], other.scores[name]))
    return {name: _field(found, confidence) for name, found in sorted(scores.items())}


def _field(scores: Sequence[tuple[float, float]], confidence: float) -> Measured:
    if any(0 < score < 1 for pair in scores for score in pair):
        return _measured(scores, confidence)  # parts of lists are right
    counts = PairedCounts.of((one >= 1, other >= 1) for one, other in scores)
    return Measured(counts.difference, newcombe(counts, confidence))


def _measured(pairs: Sequence[tuple[float, float]], confidence: float) -> Measured:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    mean = sum(one - other for one, other in pairs) / len(pairs)
    return Measured(mean, mean_difference(first, second, confidence) if len(pairs) > 1 else None)


def _saved(costs: Sequence[float], base_costs: Sequence[float], confidence: float) -> Measured | None:
    if not sum(base_costs) > 0:
        return None
    interval = saved_share(costs, base_costs, confidence) if len(costs) > 1 else None
    return Measured(1 - sum(costs) / sum(base_costs), interval)


def _usd(nano: float) -> Any:  # noqa: ANN401 - a Decimal, as JSON takes it
    return to_usd(NanoUsd(round(nano)))
