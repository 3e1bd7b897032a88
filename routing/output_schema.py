"""The output's schema, compiled: a pydantic model or a JSON Schema, behind one `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from routing.errors import InvalidFileError, Problem
from routing.immutable import immutable
from routing.task import JsonSchema, PydanticSchema

if TYPE_CHECKING:
    from routing.json_value import JsonObject
    from routing.verdict import Failure

MAX_FAILURES = 20


@immutable
class SchemaResult:
    """A valid output, or why it is not one; at most MAX_FAILURES of the reasons."""

    output: JsonObject | None
    failures: tuple[Failure, ...] = ()


class OutputSchema(Protocol):
    """A compiled schema. `json_schema` is what a model is shown."""

    @property
    def json_schema(self) -> JsonObject:
        """The schema as a JSON Schema document."""
        ...

    def validate(self, value: JsonObject) -> SchemaResult:
        """Check a parsed answer. Never raises, and never quotes a value in a reason.

        JSON's types count: text is no number, true is no number, an integer is a number.
        """
        ...


def compile_output_schema(spec: PydanticSchema | JsonSchema, file: str = "schema") -> OutputSchema:
    """Compile a task's schema once, to validate many outputs.

    `file` is the name its mistakes are told under. Raises InvalidFileError where it cannot be compiled.
    """
    _require_object(spec.json_schema, file)
    if isinstance(spec, PydanticSchema):
        from routing.pydantic_schema import PydanticOutputSchema

        return PydanticOutputSchema(spec.source, spec.class_name, spec.json_schema, file)
    from routing.json_schema import JsonOutputSchema

    return JsonOutputSchema(spec.json_schema, file)


def output_form(spec: PydanticSchema | JsonSchema) -> JsonObject:
    """Return a JSON Schema of outputs once they are accepted.

    A pydantic model's own serialisation may name and form fields otherwise than what a model is asked for. Empty where
    nothing can be told of that. Raises InvalidFileError where the model's file fails.
    """
    if isinstance(spec, JsonSchema):
        return spec.json_schema
    from routing.pydantic_schema import dumped_form

    return dumped_form(spec.source, spec.class_name)


def describe_pydantic(source: str, class_name: str, file: str = "schema.py") -> JsonObject:
    """Return the JSON Schema of a pydantic model, as a frozen task keeps it.

    Raises InvalidFileError with the line of a mistake.
    """
    from pydantic.errors import PydanticInvalidForJsonSchema

    from routing.pydantic_module import load_model

    try:
        json_schema = load_model(source, class_name, file).model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise InvalidFileError([Problem(file, 0, 0, f"`{class_name}` has no JSON Schema: {error.message}")]) from error
    _require_object(json_schema, file)
    return json_schema


def _require_object(json_schema: JsonObject, file: str) -> None:
    if json_schema.get("type", "object") != "object":
        raise InvalidFileError([Problem(file, 0, 0, "the schema describes no object; an output is a JSON object")])
