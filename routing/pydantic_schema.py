"""An output's schema written as a pydantic model."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import ErrorType

from routing.field_path import format_path, take
from routing.output_schema import MAX_FAILURES, SchemaResult
from routing.pydantic_module import load_model
from routing.strict_json import MAX_INTEGER, UnstorableJsonError, check_storable
from routing.validation_work import Thoroughness, ValidationWork
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from pydantic_core.core_schema import DecimalSchema

    from routing.json_value import JsonObject, JsonValue

# pydantic's own messages are templates; these, and those of validators the user wrote, may say what they were given.
_MESSAGES_WITH_INPUT = frozenset({"value_error", "assertion_error", "union_tag_invalid", "uuid_parsing"})
_TEMPLATE_MESSAGES = frozenset(get_args(ErrorType)) - _MESSAGES_WITH_INPUT


MOST_VISITS = 20_000
"""At about 3 us each: pydantic tries the members of a union in full, those with a discriminator apart."""
_TOO_MUCH = "it is nested too deeply to be held against the schema's unions, which have no discriminator"


class PydanticOutputSchema:
    """A pydantic model, in pydantic's strict mode for JSON: `"1"` and `true` are no numbers, an ISO date is a date.

    What comes out is the model's own JSON form: aliases, defaults and normalising validators applied, decimals as
    numbers.
    """

    def __init__(self, source: str, class_name: str, json_schema: JsonObject, file: str) -> None:
        """Run the model's file. Raises InvalidFileError."""
        self._model = load_model(source, class_name, file)
        self._json_schema = json_schema
        self._work = ValidationWork(json_schema)
        self._has_decimals = "decimal" in source.casefold()

    @property
    def json_schema(self) -> JsonObject:
        """The schema as a JSON Schema document."""
        return self._json_schema

    def validate(self, value: JsonObject) -> SchemaResult:
        """Check a parsed answer and return it in the model's JSON form."""
        if self._work.is_needed and self._work.exceeds(value, MOST_VISITS, Thoroughness.BY_DISCRIMINATOR):
            return _refused(_TOO_MUCH)
        try:
            model = self._model.model_validate_json(orjson.dumps(value), strict=True)
            output = self._dump(model)
            check_storable(output)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False)
            return SchemaResult(None, tuple(_failure(detail, value) for detail in details[:MAX_FAILURES]))
        except UnstorableJsonError as error:
            return _refused(f"the schema's own code made a value that cannot be kept: {error}")
        except Exception as error:  # noqa: BLE001  the user's validators may raise anything
            return _refused(f"the schema's own code raised {type(error).__name__}")
        return SchemaResult(output)

    def _dump(self, model: BaseModel) -> JsonObject:
        dumped: dict[str, JsonValue] = model.model_dump(mode="json", by_alias=True, warnings=False)
        if self._has_decimals:
            python = model.model_dump(by_alias=True, warnings=False)
            return {name: _with_numbers(inner, python[name]) for name, inner in dumped.items()}
        return dumped


class _DumpedForm(GenerateJsonSchema):
    def decimal_schema(self, schema: DecimalSchema) -> dict[str, Any]:
        """Return what `PydanticOutputSchema` makes of decimals, and of those that it leaves as text."""
        del schema
        return {"type": ["number", "string"]}


def dumped_form(source: str, class_name: str) -> JsonObject:
    """Return a JSON Schema of what `PydanticOutputSchema` gives; empty where pydantic has none.

    Raises InvalidFileError where the model's file fails.
    """
    model = load_model(source, class_name, "schema.py")
    try:
        return model.model_json_schema(mode="serialization", schema_generator=_DumpedForm)
    except PydanticInvalidForJsonSchema:
        return {}


def _refused(reason: str) -> SchemaResult:
    return SchemaResult(None, (Failure(CheckName.SCHEMA, "", reason),))


def _with_numbers(dumped: JsonValue, python: object) -> JsonValue:
    """Put numbers where pydantic's JSON form has decimals as text, so that rules can count with them."""
    if isinstance(python, Decimal) and isinstance(dumped, str):
        return _number(python)
    if isinstance(dumped, dict) and isinstance(python, dict) and len(dumped) == len(python):
        return {key: _with_numbers(dumped[key], inner) for key, inner in zip(dumped, python.values(), strict=True)}
    if isinstance(dumped, list) and isinstance(python, list | tuple):
        return [_with_numbers(*pair) for pair in zip(dumped, python, strict=True)]
    return dumped


def _number(value: Decimal) -> JsonValue:
    whole = value == value.to_integral_value() and value.as_tuple().exponent == 0
    return int(value) if whole and abs(value) <= MAX_INTEGER else float(value)


def _failure(detail: ErrorDetails, value: JsonObject) -> Failure:
    message = detail["msg"]
    if detail["type"] not in _TEMPLATE_MESSAGES and _quotes(message, detail["input"]):
        message = "a validator of the schema refused it"
    return Failure(CheckName.SCHEMA, _field(detail, value), message)


def _field(detail: ErrorDetails, value: JsonValue) -> str:
    """Name the error's place in the answer; pydantic's own also names branches of unions, which are no fields."""
    steps: list[str | int] = []
    for step in detail["loc"]:
        is_missing_key = detail["type"] == "missing" and step == detail["loc"][-1]
        if is_missing_key or _has(value, step):
            steps.append(step)
            value = take(value, step)
    return format_path(steps)


def _has(value: JsonValue, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


def _quotes(message: str, given: object) -> bool:
    """Whether a message holds a value as a word of its own; keys are the schema's words rather than the document's."""
    if isinstance(given, dict):
        return any(_quotes(message, inner) for inner in given.values())
    if isinstance(given, list | tuple):
        return any(_quotes(message, inner) for inner in given)
    word = "" if given is None else str(given)
    return word != "" and word in message and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message) is not None
