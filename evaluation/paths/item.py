"""One labelled document on one path: whether its answer is right, whether it was accepted, what it cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.accuracy import field_scores
from routing.calibration import stratum
from routing.item_facts import ItemFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from routing.comparison import Comparison
    from routing.json_value import JsonObject
    from storage.trials import TrialItem


@dataclass(frozen=True, slots=True)
class PathItem:
    """What a path made of a document.

    `scores` tell how much of each labelled field its answer has right, whether or not the checks accepted it; `tier` is
    where it ended. `latency_ms` is None where a call was answered from the cache.
    """

    custom_id: str
    stratum: str
    scores: Mapping[str, float]
    accepted: bool
    tier: str
    cost_nano_usd: int
    latency_ms: int | None

    @property
    def right(self) -> bool:
        """Whether every labelled field of the answer is right."""
        return all(score >= 1 for score in self.scores.values())


def path_items(
    items: Iterable[TrialItem], task_name: str, comparison: Comparison, by: str, labels: Mapping[str, JsonObject]
) -> dict[str, PathItem]:
    """Return what a trial made of its documents, by custom id.

    `by` names the fact that parts them into strata, empty for none; `labels` take the place of a document's own. Raises
    UsageError where a custom comparator fails.
    """
    return {item.custom_id: _path_item(item, task_name, comparison, by, labels) for item in items}


def facts_of(item: TrialItem, task_name: str) -> ItemFacts:
    """Return what may be known of a labelled document before any call. Feature flags and the hour are left out."""
    return ItemFacts(task_name, item.text, item.pages, json.loads(item.metadata), {}, now_ms=0)


def _path_item(
    item: TrialItem, task_name: str, comparison: Comparison, by: str, labels: Mapping[str, JsonObject]
) -> PathItem:
    expected = labels.get(item.custom_id) or json.loads(item.expected)
    output = None if item.output is None else json.loads(item.output)
    return PathItem(
        custom_id=item.custom_id,
        stratum=stratum(facts_of(item, task_name), by) if by else "",
        scores=field_scores(comparison, output, expected),
        accepted=item.done,
        tier=item.tier,
        cost_nano_usd=item.cost_nano_usd,
        latency_ms=None if item.from_cache else item.latency_ms,
    )
