"""What the model says stands in the document: a value found nowhere in the source is invented, or misread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.checks.check import CheckResult
from routing.field_path import below, parse_path, select
from routing.verdict import CheckName, Failure, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

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
            for place, value in select(evidence.output, field):
                for path, leaf in _leaves(place, value):
                    found = _find(leaf, evidence.source)
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


def _leaves(path: str, value: JsonValue) -> list[tuple[str, JsonValue]]:
    """Return the values within a value that are no lists or objects, each with its path."""
    if isinstance(value, list):
        parts = [(below(path, index), element) for index, element in enumerate(value)]
    elif isinstance(value, dict):
        parts = [(below(path, key), member) for key, member in value.items()]
    else:
        return [(path, value)]
    return [leaf for part in parts for leaf in _leaves(*part)]
