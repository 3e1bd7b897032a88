"""A second model, asked the same, says the same: two models rarely make the same mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.comparison import DEFAULT_COMPARATOR, compare
from routing.field_path import parse_path, select
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from routing.json_value import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class AgreementCheck:
    """Refuses a field of which a second output says something else, as the task compares that field."""

    fields: Sequence[str]
    comparators: Mapping[str, str]

    def check(self, output: JsonObject, second: JsonObject) -> tuple[Failure, ...]:
        """Compare two outputs field by field."""
        return tuple(self._failures(output, second))

    def _failures(self, output: JsonObject, second: JsonObject) -> Iterator[Failure]:
        for field in self.fields:
            comparator = self.comparators.get(field, DEFAULT_COMPARATOR)
            if not compare(comparator, _values(output, field), _values(second, field)):
                yield Failure(CheckName.AGREEMENT, field, "a second model says otherwise")


def _values(output: JsonObject, field: str) -> list[JsonValue]:
    return [value for _, value in select(output, parse_path(field))]
