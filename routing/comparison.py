"""Whether two values of a field say the same, as a task compares: for labels, and for agreement between models.

Lists under `list` and `set` are compared by their best pairing, objects member by member.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from routing.assignment import best_assignment
from routing.comparators import (
    DEFAULT_COMPARATOR,
    custom_function,
    element_comparator,
    is_collection,
    plain_comparison,
)
from routing.custom_comparator import load_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routing.comparators import PlainComparison
    from routing.json_value import JsonValue
    from routing.task import FrozenTask

MOST_PAIRED = 100
"""Elements that are paired as well as can be: a hostile list may be long. Those beyond are compared in their order."""


class Comparison:
    """How one task compares. Compiled once; safe between threads.

    Equal values are alike for every comparator; null is like nothing else. `comparators` are by field path; a member of
    an object or of a list's elements (`lines[*].amount`) is compared by its own, or else as what holds it. Raises
    ValueError for a comparator that does not exist, InvalidFileError for a custom one that cannot be loaded.
    """

    def __init__(self, comparators: Mapping[str, str], sources: Mapping[str, str] | None = None) -> None:
        self._comparators = dict(comparators)
        self._plain: dict[str, PlainComparison] = {}
        self._custom: dict[str, PlainComparison] = {}
        for name in (DEFAULT_COMPARATOR, *self._comparators.values()):
            self._compile(name, sources or {})

    @classmethod
    def of_task(cls, task: FrozenTask) -> Comparison:
        """Return how a task compares."""
        return cls(task.compare, task.comparator_sources)

    def alike(self, field: str, left: JsonValue, right: JsonValue) -> bool:
        """Tell whether two values of a field say the same. Raises UsageError where a custom comparator fails."""
        return self.score(field, left, right) >= 1

    def score(self, field: str, left: JsonValue, right: JsonValue) -> float:
        """Return how much of a field is alike: 0 or 1, and for `list` and `set` anything between.

        That is the share of the longer list's elements that have a counterpart, where an object counts by its members.
        """
        return self._score(field, self._comparators.get(field, DEFAULT_COMPARATOR), left, right)

    def _compile(self, name: str, sources: Mapping[str, str]) -> None:
        if is_collection(name):
            self._compile(element_comparator(name), sources)
        elif (named := custom_function(name)) is not None:
            file, function = named
            self._custom[name] = load_function(sources.get(file, ""), function, file)
        else:
            self._plain[name] = plain_comparison(name)

    def _score(self, path: str, comparator: str, left: JsonValue, right: JsonValue) -> float:
        if left is None or right is None or _key(left) == _key(right):
            return float(_key(left) == _key(right))
        if comparator in self._custom:
            return float(self._custom[comparator](left, right))
        if isinstance(left, list | tuple) and isinstance(right, list | tuple):
            return self._score_lists(path, comparator, left, right)
        inner = element_comparator(comparator) if is_collection(comparator) else comparator
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            return float(self._members(path, inner, left, right) >= 1)
        if not (isinstance(left, _PLAIN) and isinstance(right, _PLAIN)):
            return 0.0
        return float((self._custom.get(inner) or self._plain[inner])(left, right))

    def _below(self, path: str, above: str, left: JsonValue, right: JsonValue) -> float:
        return self._score(path, self._comparators.get(path, above), left, right)

    def _members(
        self, path: str, comparator: str, left: Mapping[str, JsonValue], right: Mapping[str, JsonValue]
    ) -> float:
        """Return the mean score of the members of two objects; one that is missing is like nothing."""
        shared = [name for name in left if name in right]
        alike = sum(self._below(f"{path}.{name}", comparator, left[name], right[name]) for name in shared)
        return alike / (len(left) + len(right) - len(shared))

    def _score_lists(self, path: str, comparator: str, left: Sequence[JsonValue], right: Sequence[JsonValue]) -> float:
        inside = f"{path}[*]"
        if not is_collection(comparator):
            same_length = len(left) == len(right)
            pairs = zip(left, right, strict=False)
            return float(same_length and all(self._below(inside, comparator, *pair) >= 1 for pair in pairs))
        own = self._comparators.get(inside, element_comparator(comparator))
        if comparator.startswith("set"):
            left, right = self._distinct(inside, own, left), self._distinct(inside, own, right)
        return self._paired(inside, own, left, right) / max(len(left), len(right))

    def _distinct(self, path: str, comparator: str, values: Sequence[JsonValue]) -> list[JsonValue]:
        kept: list[JsonValue] = []
        for value in {_key(value): value for value in values}.values():
            if len(kept) >= MOST_PAIRED or not any(self._score(path, comparator, value, one) >= 1 for one in kept):
                kept.append(value)
        return kept

    def _paired(self, path: str, comparator: str, left: Sequence[JsonValue], right: Sequence[JsonValue]) -> float:
        """Return the total score of the best pairing; elements that are the same are paired with each other."""
        left, right, same = _without_the_same(left, right)
        scores = [
            [self._element(path, comparator, value, other) for other in right[:MOST_PAIRED]]
            for value in left[:MOST_PAIRED]
        ]
        best = sum(scores[row][column] for row, column in best_assignment(scores))
        beyond = zip(left[MOST_PAIRED:], right[MOST_PAIRED:], strict=False)
        return same + best + sum(self._element(path, comparator, *pair) for pair in beyond)

    def _element(self, path: str, comparator: str, left: JsonValue, right: JsonValue) -> float:
        if isinstance(left, Mapping) and isinstance(right, Mapping) and comparator not in self._custom:
            return self._members(path, comparator, left, right) if left or right else 1.0
        return self._score(path, comparator, left, right)


_PLAIN = (str, int, float)  # bool is an int

_Key: TypeAlias = tuple[str, Hashable]


def _key(value: JsonValue) -> _Key:
    """Return what is equal for the same JSON value only: 1 and 1.0 are the same, 1 and true are not."""
    if isinstance(value, Mapping):
        return "object", frozenset((name, _key(member)) for name, member in value.items())
    if isinstance(value, list | tuple):
        return "list", tuple(_key(element) for element in value)
    return "true or false" if isinstance(value, bool) else "plain", value


def _without_the_same(
    left: Sequence[JsonValue], right: Sequence[JsonValue]
) -> tuple[list[JsonValue], list[JsonValue], int]:
    """Return what is left of two lists once the elements that both have are taken out, and how many those are."""
    standing: dict[_Key, list[int]] = {}
    for position, value in enumerate(right):
        standing.setdefault(_key(value), []).append(position)
    left_over: list[JsonValue] = []
    taken: set[int] = set()
    for value in left:
        positions = standing.get(_key(value))
        if positions:
            taken.add(positions.pop())
        else:
            left_over.append(value)
    return left_over, [value for position, value in enumerate(right) if position not in taken], len(taken)
