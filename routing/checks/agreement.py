"""A second model, asked the same, says the same: two models rarely make the same mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.errors import UsageError
from routing.field_path import EACH, parse_path, select
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.comparison import Comparison
    from routing.json_value import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class AgreementCheck:
    """Refuses fields of which a second output says something else, unless enough of them agree all the same.

    Fields are compared as the task says; `least` is the mean over the fields that is enough, 1 for all of them.
    """

    fields: Sequence[str]
    comparison: Comparison
    least: float = 1.0

    def check(self, output: JsonObject, second: JsonObject, least: float | None = None) -> tuple[Failure, ...]:
        """Compare two outputs field by field. `least` takes the place of the task's own. Never raises."""
        try:
            scores = self._scores(output, second)
        except UsageError as error:
            return (Failure(CheckName.AGREEMENT, "", str(error)),)
        if _mean(scores) >= (self.least if least is None else least):
            return ()
        return tuple(
            Failure(CheckName.AGREEMENT, field, "a second model says otherwise")
            for field, score in scores.items()
            if score < 1
        )

    def score(self, output: JsonObject, second: JsonObject) -> float:
        """Return how much two outputs agree, from 0 to 1. Raises UsageError where a custom comparator fails."""
        return _mean(self._scores(output, second))

    def _scores(self, output: JsonObject, second: JsonObject) -> dict[str, float]:
        return {
            field: self.comparison.score(field, _value(output, field), _value(second, field)) for field in self.fields
        }


def _mean(scores: Mapping[str, float]) -> float:
    return sum(scores.values()) / len(scores)


def _value(output: JsonObject, field: str) -> JsonValue:
    """Return what a path means: one value, or the list of all that `[*]` stands for."""
    steps = parse_path(field)
    values = [value for _, value in select(output, steps)]
    return values if EACH in steps else values[0]
