"""The figures of one path: pass rate, fields, cost, latency."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from evaluation.statistics.shares import wilson
from routing.money import NanoUsd, to_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.paths.item import PathItem
    from routing.confidence_sequence import Interval

P50 = 0.5
P95 = 0.95


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What a path does to `items` documents.

    `right` of them got an answer that is right in every labelled field; `accepted_wrong` got one that passed every
    check and is wrong; `refused` failed: their answers passed no tier's checks. `timed` did without the cache.
    """

    items: int
    right: int
    interval: Interval
    fields: Mapping[str, float]
    accepted_wrong: int
    refused: int
    tiers: Mapping[str, int]
    cost_nano_usd: int
    timed: int
    latency_p50_ms: int | None
    latency_p95_ms: int | None

    @property
    def pass_rate(self) -> float:
        """The share of documents whose answer is right."""
        return self.right / self.items

    def as_json(self) -> dict[str, Any]:
        """Return them as JSON values."""
        told = asdict(self)
        cost = told.pop("cost_nano_usd")
        told["interval"] = [self.interval.low, self.interval.high]
        return told | {
            "pass_rate": self.pass_rate,
            "cost_usd": to_usd(NanoUsd(cost)),
            "cost_per_item_usd": to_usd(NanoUsd(round(cost / self.items))),
        }


def figures(items: Sequence[PathItem], confidence: float) -> PathFigures:
    """Count the figures of a path; of one document at least."""
    right = sum(item.right for item in items)
    times = sorted(item.latency_ms for item in items if item.latency_ms is not None)
    return PathFigures(
        items=len(items),
        right=right,
        interval=wilson(right, len(items), confidence),
        fields=_fields(items),
        accepted_wrong=sum(item.accepted and not item.right for item in items),
        refused=sum(not item.accepted for item in items),
        tiers=dict(Counter(item.tier for item in items).most_common()),
        cost_nano_usd=sum(item.cost_nano_usd for item in items),
        timed=len(times),
        latency_p50_ms=_quantile(times, P50),
        latency_p95_ms=_quantile(times, P95),
    )


def _fields(items: Sequence[PathItem]) -> dict[str, float]:
    """Return the mean score of each labelled field, over the documents that have it."""
    scores: dict[str, list[float]] = {}
    for item in items:
        for name, score in item.scores.items():
            scores.setdefault(name, []).append(score)
    return {name: sum(found) / len(found) for name, found in scores.items()}


def _quantile(ordered: Sequence[int], share: float) -> int | None:
    """Return the least value that this share of them does not exceed."""
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)] if ordered else None
