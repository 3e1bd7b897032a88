"""An output's schema written as JSON Schema. Nothing outside the document is ever fetched."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import jsonschema_rs

from routing.errors import InvalidFileError, Problem
from routing.field_path import format_path
from routing.output_schema import MAX_FAILURES, SchemaResult
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject

_MAX_PATTERN_BYTES = 10 << 20  # of a compiled pattern, the regex crate's own default


class JsonOutputSchema:
    """A JSON Schema of the draft it names, or 2020-12; `format` is checked, `pattern` in linear time."""

    def __init__(self, json_schema: JsonObject, file: str) -> None:
        """Compile the document. Raises InvalidFileError where it is no schema, or points outside of itself."""
        self._json_schema = json_schema
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(json_schema),
                offline=True,
                validate_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=_MAX_PATTERN_BYTES),
                mask="the value",
            )
        except ValueError as error:
            raise InvalidFileError([_problem(error, file)]) from error

    @property
    def json_schema(self) -> JsonObject:
        """The schema as a JSON Schema document."""
        return self._json_schema

    def validate(self, value: JsonObject) -> SchemaResult:
        """Check a parsed answer; a valid one comes out as it came in."""
        errors = islice(self._validator.iter_errors(value), MAX_FAILURES)
        failures = tuple(_failure(error) for error in errors)
        return SchemaResult(None, failures) if failures else SchemaResult(value)


def _problem(error: Exception, file: str) -> Problem:
    if isinstance(error, jsonschema_rs.ValidationError):
        place = "/".join(map(str, error.instance_path))
        return Problem(file, 0, 0, f"not a JSON Schema{f', at {place}' if place else ''}: {error.message}")
    return Problem(file, 0, 0, f"not a JSON Schema: {error}")


def _failure(error: jsonschema_rs.ValidationError) -> Failure:
    steps, kind = error.instance_path, error.kind.as_dict()
    if error.kind.name == "required":
        return Failure(CheckName.SCHEMA, format_path([*steps, str(kind["property"])]), "it is missing")
    if error.kind.name in {"additionalProperties", "unevaluatedProperties"}:
        return _unexpected(steps, kind)
    return Failure(CheckName.SCHEMA, format_path(steps), error.message)


def _unexpected(steps: list[str | int], kind: Mapping[str, object]) -> Failure:
    """Tell a key the schema does not know by number, not by name: the model may have copied it from the document."""
    unexpected = kind["unexpected"]
    count = len(unexpected) if isinstance(unexpected, list) else 1
    return Failure(CheckName.SCHEMA, format_path(steps), f"keys the schema does not allow: {count}")
