"""Field accuracy: how much of its labelled fields an output has right."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.comparison import Comparison
    from routing.json_value import JsonObject


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of labelled fields that were right: of each field, and their mean (`macro`), over `items` items.

    Of lists compared by their best pairing (`list`, `set`), the elements that were right count in part.
    """

    items: int
    macro: float
    fields: Mapping[str, float]


def field_scores(comparison: Comparison, output: JsonObject | None, expected: JsonObject) -> dict[str, float]:
    """Return how much of each labelled field an output has right, from 0 to 1; all of it wrong without an output.

    Raises UsageError where a custom comparator fails.
    """
    if output is None:
        return dict.fromkeys(expected, 0.0)
    return {name: comparison.score(name, output.get(name), label) for name, label in expected.items()}


class AccuracyCount:
    """Counts right fields as outputs come, compared as the task says."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._items = 0
        self._labelled: Counter[str] = Counter()
        self._right: defaultdict[str, float] = defaultdict(float)

    def add(self, output: JsonObject | None, expected: JsonObject) -> None:
        """Count one item. A missing output, or a missing field, is wrong unless its label is null."""
        self._items += 1
        for name, score in field_scores(self._comparison, output, expected).items():
            self._labelled[name] += 1
            self._right[name] += score

    def result(self) -> Accuracy | None:
        """Return the shares so far, None where nothing was labelled."""
        if not self._labelled:
            return None
        fields = {name: self._right[name] / count for name, count in self._labelled.items()}
        return Accuracy(self._items, sum(fields.values()) / len(fields), fields)
