"""A whole evaluation: the figures of every path, each against the last tier alone, by stratum, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.paths.difference import difference, paired
from evaluation.paths.figures import figures
from evaluation.statistics.pairs import PairedCounts
from evaluation.statistics.safety import assess
from routing.trial import TrialPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evaluation.paths.item import PathItem
    from evaluation.statistics.safety import Assessment

BASELINE = TrialPath.EXPENSIVE


@dataclass(frozen=True, slots=True)
class Ruler:
    """What a difference is held against: the margin, and the confidence of every interval. `by` parts into strata."""

    margin: float
    confidence: float
    by: str = ""


def evaluate(paths: Mapping[str, Mapping[str, PathItem]], ruler: Ruler) -> dict[str, Any]:
    """Return what the paths did, as JSON values. The verdict is on the first path that is not the baseline.

    Differences are there where the baseline is among the paths. Each has one document at least.
    """
    baseline = paths.get(BASELINE)
    candidates = [name for name in paths if name != BASELINE] if baseline is not None else []
    told: dict[str, Any] = {
        "margin": ruler.margin,
        "confidence": ruler.confidence,
        "paths": {name: figures(list(items.values()), ruler.confidence).as_json() for name, items in paths.items()},
        "differences": {
            name: difference(paths[name], baseline or {}, ruler.margin, ruler.confidence).as_json()
            for name in candidates
        },
        "verdict": None,
    }
    if candidates:
        judged = told["differences"][candidates[0]]
        told["verdict"] = {
            "path": candidates[0],
            "against": BASELINE.value,
            "safety": judged["safety"],
            "more_needed": judged["more_needed"],
        }
    if ruler.by:
        told["strata"] = {"by": ruler.by, "rows": [_stratum(name, paths, ruler) for name in _strata(paths)]}
    return told


def _strata(paths: Mapping[str, Mapping[str, PathItem]]) -> list[str]:
    """Return the strata, the largest first."""
    counts: dict[str, int] = {}
    for items in paths.values():
        for item in items.values():
            counts[item.stratum] = counts.get(item.stratum, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))


def _stratum(name: str, paths: Mapping[str, Mapping[str, PathItem]], ruler: Ruler) -> dict[str, Any]:
    within = {path: {key: item for key, item in items.items() if item.stratum == name} for path, items in paths.items()}
    baseline = within.get(BASELINE, {})
    return {
        "stratum": name,
        "paths": {path: _share(list(items.values())) for path, items in within.items()},
        "differences": {
            path: _short(
                assess(
                    PairedCounts.of((one.right, other.right) for one, other in paired(items, baseline)),
                    ruler.margin,
                    ruler.confidence,
                )
            )
            for path, items in within.items()
            if path != BASELINE and baseline
        },
    }


def _share(items: Sequence[PathItem]) -> dict[str, Any]:
    right = sum(item.right for item in items)
    return {"items": len(items), "right": right, "pass_rate": right / len(items) if items else None}


def _short(assessment: Assessment) -> dict[str, Any]:
    return {
        "safety": assessment.safety.value,
        "difference": assessment.difference,
        "interval": [assessment.interval.low, assessment.interval.high],
        "more_needed": assessment.more_needed,
    }
