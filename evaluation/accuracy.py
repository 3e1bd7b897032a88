"""Field accuracy: how many labelled fields an output has right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.comparison import DEFAULT_COMPARATOR, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of labelled fields that were right: of each field, and their mean (`macro`), over `items` items."""

    items: int
    macro: float
    fields: Mapping[str, float]


class AccuracyCount:
    """Counts right fields as outputs come. Fields are compared as the task says."""

    def __init__(self, comparators: Mapping[str, str]) -> None:
        self._comparators = comparators
        self._items = 0
        self._labelled: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def add(self, output: JsonObject | None, expected: JsonObject) -> None:
        """Count one item. A missing output, or a missing field, is wrong unless its label is null."""
        self._items += 1
        for name, label in expected.items():
            self._labelled[name] += 1
            given = None if output is None else output.get(name)
            if output is not None and compare(self._comparators.get(name, DEFAULT_COMPARATOR), given, label):
                self._right[name] += 1

    def result(self) -> Accuracy | None:
        """Return the shares so far, None where nothing was labelled."""
        if not self._labelled:
            return None
        fields = {name: self._right[name] / count for name, count in self._labelled.items()}
        return Accuracy(self._items, sum(fields.values()) / len(fields), fields)
