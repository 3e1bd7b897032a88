"""An output's schema written as JSON Schema. Nothing outside the document is ever fetched."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import jsonschema_rs

from routing.errors import InvalidFileError, Problem
from routing.field_path import format_path
from routing.output_schema import MAX_FAILURES, SchemaResult
from routing.schema_size import parts_of
from routing.validation_work import Thoroughness, ValidationWork
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.json_value import JsonObject

_MAX_PATTERN_BYTES = 2 << 20
"""Of a compiled pattern; with the regex crate's own 10 MiB, compiling takes 0.1 s."""
_ALL_PATTERNS_BYTES = 4 << 20
"""Of all of them: where there are hundreds, each may still be as large as those of dates and numbers (1 to 7 KiB)."""
MOST_VISITS = 1_000_000
"""At about 50 ns each; a value that comes to more is refused."""
MOST_EXPLAINED_VISITS = 5_000
"""At about 10 us each: an error keeps those of every alternative that was tried, all the way down."""
_TOO_MUCH = "it is nested too deeply to be held against the alternatives of this schema"
_UNEXPLAINED = "it does not follow the schema, and is nested too deeply to tell where"


class JsonOutputSchema:
    """A JSON Schema of the draft it names, or 2020-12; `format` is checked, `pattern` in linear time."""

    def __init__(self, json_schema: JsonObject, file: str) -> None:
        """Compile the document. Raises InvalidFileError where it is no schema, or points outside of itself."""
        self._json_schema = json_schema
        self._work = ValidationWork(json_schema)
        if self._work.is_endless or self._is_too_much({}):
            raise InvalidFileError([Problem(file, 0, 0, "not a JSON Schema: its references lead back to themselves")])
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(json_schema),
                offline=True,
                validate_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=_pattern_bytes(json_schema)),
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
        if self._work.is_needed:
            return self._validate_carefully(value)
        return self._explained(value)

    def _validate_carefully(self, value: JsonObject) -> SchemaResult:
        if self._is_too_much(value):
            return _refused(_TOO_MUCH)
        if self._validator.is_valid(value):
            return SchemaResult(value)
        if self._work.exceeds(value, MOST_EXPLAINED_VISITS, Thoroughness.ALL):
            return _refused(_UNEXPLAINED)
        return self._explained(value)

    def _is_too_much(self, value: JsonObject) -> bool:
        return self._work.is_needed and self._work.exceeds(value, MOST_VISITS, Thoroughness.BY_KIND)

    def _explained(self, value: JsonObject) -> SchemaResult:
        errors = islice(self._validator.iter_errors(value), MAX_FAILURES)
        failures = tuple(_failure(error) for error in errors)
        return SchemaResult(None, failures) if failures else SchemaResult(value)


def _pattern_bytes(json_schema: JsonObject) -> int:
    """Return how large each compiled pattern of a schema may be."""
    patterns: set[object] = set()
    for part in parts_of(json_schema):
        if isinstance(part, dict):
            by_name = part.get("patternProperties")
            patterns.update(by_name if isinstance(by_name, dict) else ())
            pattern = part.get("pattern")
            patterns.update((pattern,) if isinstance(pattern, str) else ())
    return min(_MAX_PATTERN_BYTES, _ALL_PATTERNS_BYTES // max(1, len(patterns)))


def _refused(reason: str) -> SchemaResult:
    return SchemaResult(None, (Failure(CheckName.SCHEMA, "", reason),))


def _problem(error: Exception, file: str) -> Problem:
    if isinstance(error, jsonschema_rs.ValidationError):
        place = "/".join(map(str, error.instance_path))
        return Problem(file, 0, 0, f"not a JSON Schema{f', at {place}' if place else ''}: {error.message}")
    return Problem(file, 0, 0, f"not a JSON Schema: {error}")


def _failure(error: jsonschema_rs.ValidationError) -> Failure:
    steps, kind = error.instance_path, error.kind.as_dict()
    if error.kind.name == "required":
        return Failure(CheckName.SCHEMA, format_path([*steps, str(kind["property"])]), "it is missing")
    if error.kind.name == "propertyNames":  # its message quotes the key
        return Failure(CheckName.SCHEMA, format_path(steps), "a key is not as the schema wants keys to be")
    if error.kind.name in {"additionalProperties", "unevaluatedProperties"}:
        return _unexpected(steps, kind)
    return Failure(CheckName.SCHEMA, format_path(steps), error.message)


def _unexpected(steps: list[str | int], kind: Mapping[str, object]) -> Failure:
    """Tell a key the schema does not know by number, not by name: the model may have copied it from the document."""
    unexpected = kind["unexpected"]
    count = len(unexpected) if isinstance(unexpected, list) else 1
    return Failure(CheckName.SCHEMA, format_path(steps), f"keys the schema does not allow: {count}")
