"""Whether the answer that was accepted and another one about the same document say the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from routing.answer import parse_answer
from routing.checks.confidence import without_confidence
from routing.comparison import Comparison
from routing.completion import FinishReason
from routing.errors import InvalidFileError
from routing.output_schema import compile_output_schema

if TYPE_CHECKING:
    from routing.json_value import JsonObject, JsonValue
    from routing.output_schema import OutputSchema
    from routing.task import FrozenTask


class PairComparison:
    """How a task compares two answers. The accepted one is a JSON text, the other as its model wrote it.

    The other is read as a verdict reads it: in the schema's own form where it is valid, without the confidence it was
    asked for. A field counts that either of them has, since a value left out is a mistake as well; null is as good as
    left out.
    """

    def __init__(self, task: FrozenTask) -> None:
        confidence = task.checks.confidence
        self._reports_itself = confidence is not None and confidence.source == "self_report"
        self._json_schema = task.output.json_schema
        self._schema = _schema(task)
        self._comparison = Comparison.of_task(task)

    def differing(self, output: str, answer: str) -> dict[str, tuple[JsonValue, JsonValue]] | None:
        """Return the fields on which two answers differ with both values, None where the other one cannot be read.

        Raises UsageError where a custom comparator fails.
        """
        other = self._read(answer)
        if other is None:
            return None
        accepted: JsonObject = json.loads(output)
        pairs = {name: (accepted.get(name), other.get(name)) for name in {**accepted, **other}}
        return {name: pair for name, pair in pairs.items() if not self._comparison.alike(name, *pair)}

    def _read(self, answer: str) -> JsonObject | None:
        said = parse_answer(answer, FinishReason.STOP).output
        if said is None:
            return None
        if self._reports_itself:
            said = without_confidence(said, self._json_schema)
        if self._schema is None:
            return said
        valid = self._schema.validate(said).output
        return said if valid is None else valid


def _schema(task: FrozenTask) -> OutputSchema | None:
    """Return the schema, None where this machine lacks a package it needs: whoever reads a report is no worker."""
    try:
        return compile_output_schema(task.output)
    except InvalidFileError:
        return None
