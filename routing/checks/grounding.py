"""What the model says stands in the document: a value found nowhere in the source is invented, or misread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.checks.check import CheckResult
from routing.field_path import below, parse_path, select
from routing.verdict import CheckName, Failure, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from routing.checks.check import Evidence
    from routing.grounding.source_text import SourceText
    from routing.json_value import JsonValue


class GroundingCheck:
    """Refuses values of these fields that are not found in the source, and keeps where the others stand.

    Null is no claim, so that it passes; whether a field may be null is for the schema to say. Lists and objects are
    searched value by value.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        """Read the paths. Raises ValueError where one is no path."""
        self._fields = tuple(parse_path(field) for field in fields)

    def check(self, evidence: Evidence) -> CheckResult:
        """Search every value of every field."""
        failures: list[Failure] = []
        spans: dict[str, Span] = {}
        for field in self._fields:
            for path, value in _leaves(select(evidence.output, field)):
                found = _find(value, evidence.source)
                if isinstance(found, Span):
                    spans[path] = found
                elif found:
                    failures.append(Failure(CheckName.GROUNDING, path, found))
        return CheckResult(tuple(failures), spans)


def _find(value: JsonValue, source: SourceText) -> Span | str:
    """Return where a value stands, or why it is refused; an empty reason where there is nothing to find."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true and false cannot be found in a text"
    assert isinstance(value, str | int | float)
    return source.find(value) or "its value is not found in the document"


def _leaves(values: Iterable[tuple[str, JsonValue]]) -> list[tuple[str, JsonValue]]:
    """Return the values that are no lists or objects, and those within the others, each with its path."""
    leaves: list[tuple[str, JsonValue]] = []
    for path, value in values:
        if isinstance(value, list):
            leaves += _leaves((below(path, index), element) for index, element in enumerate(value))
        elif isinstance(value, dict):
            leaves += _leaves((below(path, key), member) for key, member in value.items())
        else:
            leaves.append((path, value))
    return leaves
