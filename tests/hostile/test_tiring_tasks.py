"""Tasks and answers that are made to tire a worker: each is refused, or over in less than 100 ms."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from typing import Any

import pytest

from routing.answer import MAX_ANSWER_CHARS
from routing.errors import CheapfirstError, InvalidFileError, UsageError
from routing.expressions.expression import compile_expression
from routing.output_schema import compile_output_schema
from routing.task import JsonSchema
from routing.templates import Template
from tests.support.processor_time import processor_ms

MOST_MS = 100


def doubled(depth: int) -> dict[str, Any]:
    """Return a schema each of whose definitions holds the next one twice."""
    inner: dict[str, Any] = {f"n{n}": {"allOf": [{"$ref": f"#/$defs/n{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/n0", "$defs": {**inner, f"n{depth}": {}}}


RECURSIVE: dict[str, dict[str, Any]] = {
    "itself": {"$ref": "#"},
    "itself, as a property": {"properties": {"total": {"$ref": "#"}}},
    "itself, as every property": {"additionalProperties": {"$ref": "#"}},
    "itself, by each way": {"properties": {"total": {"anyOf": [{"$ref": "#"}] * 9}}, "required": ["never"]},
    "itself, by not": {"not": {"$ref": "#"}},
    "a circle": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "doubled thirty times": doubled(30),
    "if, then, else": {"if": {"$ref": "#/$defs/a"}, "then": {"$ref": "#"}, "$defs": {"a": {"required": ["total"]}}},
    "by anchors": {"$dynamicAnchor": "a", "properties": {"total": {"oneOf": [{"$dynamicRef": "#a"}] * 5}}},
    "unevaluated": {"properties": {"total": {"anyOf": [{"$ref": "#"}] * 3}}, "unevaluatedProperties": False},
    "nested": reduce(lambda inner, _: {"properties": {"total": inner}}, range(80), {}),
    "wide": {"properties": {f"p{number}": {"$ref": "#"} for number in range(2_000)}},
    "dependent": {"dependentSchemas": {"total": {"$ref": "#"}}},
}
DEEP = [
    reduce(lambda inner, _: {"total": inner}, range(62), {}),
    {"total": [reduce(lambda inner, _: {"total": inner}, range(20), {})] * 100},
    {f"p{number}": {"total": {}} for number in range(1_000)},
]


@pytest.mark.parametrize("case", RECURSIVE)
def test_no_schema_that_holds_itself_takes_long(case: str) -> None:
    """It is refused, or holds answers of any form against itself in less than 100 ms."""
    spec = JsonSchema(json_schema=RECURSIVE[case])
    try:
        schema = compile_output_schema(spec)
    except InvalidFileError:
        schema = None

    def again() -> None:
        with suppress(InvalidFileError):
            compile_output_schema(spec)

    assert processor_ms(again) < MOST_MS
    for value in DEEP if schema is not None else []:
        assert processor_ms(lambda value=value: schema.validate(value)) < MOST_MS  # type: ignore[misc]


PATTERNS = [
    *("^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*a){30}", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*b", "^(a?){200}a{200}$"),
    *("((a{0,99}){0,99}){0,99}", "(a{1000}){1000}", "a{999999999}", r"(\p{L}{50}){50}", "(?i)(.+)+k", "(x+x+)+y"),
    *(r"^(\w+\s?)*$", "(" * 300 + "a" + ")" * 300, "|".join(["a"] * 10_000), "[" + "a-z" * 10_000 + "]"),
]
TEXTS = ["a" * MAX_ANSWER_CHARS + "!", "a b " * (MAX_ANSWER_CHARS // 4), "x" * MAX_ANSWER_CHARS, "é" * 10_000]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern[:20])
def test_no_pattern_of_a_schema_takes_long(pattern: str) -> None:
    """In `pattern`, `patternProperties` and `propertyNames`, over the longest text an answer may hold."""
    schemas = [
        ({"properties": {"total": {"pattern": pattern}}}, lambda text: {"total": text}),
        ({"patternProperties": {pattern: {"type": "number"}}}, lambda text: {text: "x"}),
        ({"propertyNames": {"pattern": pattern}}, lambda text: {text: 1}),
    ]
    for json_schema, value in schemas:
        spec = JsonSchema(json_schema=json_schema)

        def compile_it(spec: JsonSchema = spec) -> None:
            with suppress(InvalidFileError):
                compile_output_schema(spec)

        assert processor_ms(compile_it) < MOST_MS
        with suppress(InvalidFileError):
            schema = compile_output_schema(spec)
            for text in TEXTS:
                assert processor_ms(lambda: schema.validate(value(text))) < MOST_MS  # noqa: B023 - called at once


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern[:20])
def test_no_pattern_of_a_rule_takes_long(pattern: str) -> None:
    """`matches` has an engine of linear time, and refuses what would make a large machine."""
    source = f'matches(total, "{pattern}")'

    def compile_it() -> None:
        with suppress(ExceptionGroup, CheapfirstError, ValueError):
            compile_expression(source, frozenset({"total"}))

    assert processor_ms(compile_it) < MOST_MS
    compiled = compile_expression(source, frozenset({"total"}))
    if hasattr(compiled, "evaluate"):
        for text in TEXTS:
            assert processor_ms(lambda: compiled.evaluate({"total": text})) < MOST_MS  # noqa: B023 - called at once


FORMATS = [
    *("date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6"),
    *("uri", "uri-reference", "iri", "iri-reference", "uri-template", "json-pointer", "relative-json-pointer"),
    *("regex", "uuid"),
]
CONFUSING = ["a." * 50_000, "1" * 100_000, "a@" * 50_000, "xn--" * 25_000, ":" * 100_000, "{" * 100_000]
EXPLODING = ["(" * 50_000, "(a{1000}){1000}", "((a{0,99}){0,99}){0,99}", "[a-z]" * 20_000, "|".join(["a{99}"] * 1_000)]


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_takes_long(name: str) -> None:
    """Not even that of a regular expression, which the model would have written."""
    schema = compile_output_schema(JsonSchema(json_schema={"properties": {"total": {"format": name}}}))
    for text in [*TEXTS, *CONFUSING, *EXPLODING]:
        assert processor_ms(lambda: schema.validate({"total": text})) < MOST_MS  # noqa: B023 - called at once


WHOLE_DOCUMENTS = [
    f"{{{{ text|{name}|length }}}}"
    for name in ("list", "sort", "unique", "max", "min", "join", "title", "wordcount|string")
]


@pytest.mark.parametrize(
    "template",
    [*WHOLE_DOCUMENTS, "{{ text|map('upper')|list|length }}", "{{ text.split()|length }}", "{{ text|indent|length }}"],
)
@pytest.mark.parametrize("unit", ["x", "a ", "\n"])
def test_no_filter_takes_long_over_the_longest_document(template: str, unit: str) -> None:
    """What takes a text apart into letters or words is refused, before it begins, where the text is too long for it."""
    variables = {"text": unit * (16 * 1024 * 1024 // len(unit))}

    def render() -> None:
        with suppress(UsageError):
            Template(template).render(variables)

    assert processor_ms(render) < MOST_MS
