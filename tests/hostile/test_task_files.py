"""Task files of somebody who means harm: nothing is fetched, nothing outside the folder is read, nothing takes long."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from producer.task_folder import load_task
from routing.answer import MAX_ANSWER_CHARS
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenUsage
from routing.errors import CheapfirstError, InvalidFileError, UsageError
from routing.expressions.expression import compile_expression
from routing.output_schema import compile_output_schema
from routing.task import JsonSchema
from routing.templates import Template
from tests.support.opened_files import watched
from tests.support.processor_time import processor_ms
from tests.support.raw_http import RawServer, answer, raw_server

MOST_MS = 100
TASK = """\
task: t
schema: {schema}
prompt: {{system: {system}, user: "{{{{ text }}}}"}}
tiers: [{{name: cheap, model: small}}]
compare: {{total: "{compare}"}}
"""
SECRET = "canary-of-another-file"


@dataclass(frozen=True)
class Outside:
    """What a task must not reach: a server that would answer with a schema, and a file that would do for one."""

    server: RawServer
    file: Path
    was_opened: Callable[[], bool]

    def place(self, pattern: str) -> str:
        """Return a reference to it: `URL`, `HOST` and `FILE` stand for where they are."""
        url = self.server.url.removesuffix("/v1/chat/completions")
        return pattern.replace("URL", url).replace("HOST", url.removeprefix("http:")).replace("FILE", str(self.file))

    def is_untouched(self) -> bool:
        """Tell whether nobody has asked the server or opened the file."""
        return not self.server.requests and not self.was_opened()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """A server and a file beside the task's folder."""
    file = tmp_path / "outside.json"
    file.write_text(json.dumps({"type": "object", "description": SECRET}))
    with raw_server(answer(b'{"type": "object"}', "Content-Type: application/json")) as server, watched(file) as opened:
        yield Outside(server, file, opened)


def write_task(folder: Path, schema: object = None, **parts: str) -> Path:
    """Write a task of these parts, of a JSON Schema where one is given."""
    folder.mkdir(exist_ok=True)
    told = {"schema": "schema.json", "system": "Extract.", "compare": "exact", **parts}
    (folder / "task.yaml").write_text(TASK.format(**told))
    (folder / "schema.json").write_text(json.dumps(schema or {"type": "object", "properties": {"total": {}}}))
    return folder


def test_the_file_outside_would_be_seen_to_be_opened(outside: Outside) -> None:
    """The watch of these tests sees an opening."""
    assert outside.is_untouched()
    outside.file.read_text()
    assert not outside.is_untouched()


REFERENCES = [
    "URL/schema.json",
    "HOST/schema.json",
    "file://FILE",
    "FILE",
    "../outside.json",
    "outside.json",
    "URL/schema.json#/$defs/a",
]
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "of all": lambda reference: {"$ref": reference},
    "of a property": lambda reference: {"properties": {"total": {"$ref": reference}}},
    "unused": lambda reference: {"$defs": {"a": {"$ref": reference}}},
    "of elements": lambda reference: {"properties": {"total": {"items": {"$ref": reference}}}},
    "of an alternative": lambda reference: {"properties": {"total": {"anyOf": [{}, {"$ref": reference}]}}},
    "dynamic": lambda reference: {"properties": {"total": {"$dynamicRef": reference}}},
    "recursive, of 2019": lambda reference: {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "properties": {"total": {"$recursiveRef": reference}},
    },
    "of draft 4": lambda reference: {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"total": {"$ref": reference}},
    },
    "a language of its own": lambda reference: {"$schema": reference, "properties": {"total": {}}},
    "under a name elsewhere": lambda reference: {"$id": reference, "properties": {"total": {"$ref": "other.json"}}},
    "a vocabulary": lambda reference: {"$vocabulary": {reference: True}, "properties": {"total": {}}},
}


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("place", PLACES)
def test_no_reference_of_a_schema_is_followed_out_of_it(
    tmp_path: Path, outside: Outside, place: str, reference: str
) -> None:
    """Whether or not such a schema is refused, nobody is asked and no other file is read; and it does not take long."""
    folder = write_task(tmp_path / "task", PLACES[place](outside.place(reference)))
    for name in ("outside.json", "other.json"):
        (folder / name).symlink_to(outside.file)

    def load() -> None:
        with suppress(InvalidFileError):
            compiled = CompiledTask(load_task(folder))
            compiled.judge(completion('{"total": [1]}'), "text")

    assert processor_ms(load) < MOST_MS
    assert outside.is_untouched()


OUTSIDE = [
    "../outside.json",
    "FILE",
    "link.json",
    "inner/../../outside.json",
    "linked/outside.json",
    "file://FILE",
    "URL/schema.json",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("part", ["schema", "python", "system", "compare"])
def test_no_file_outside_the_folder_is_read(tmp_path: Path, outside: Outside, part: str, name: str) -> None:
    """Not for a schema, a prompt or a comparator; neither by dots, links, nor as an address; and none is run."""
    ending, wanted = {
        "schema": (".json", "{}"),
        "python": (".py", "{}:Output"),
        "system": (".md", "{}"),
        "compare": (".py", "custom:{}:same"),
    }[part]
    file = outside.file.rename(outside.file.with_suffix(ending))
    marker = tmp_path / "it ran"
    file.write_text(f"open({str(marker)!r}, 'w')\n")
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "inner").mkdir()
    (folder / f"link{ending}").symlink_to(file)
    (folder / "linked").symlink_to(tmp_path)
    named = outside.place(name.replace("FILE", str(file))).replace(".json", ending)
    write_task(folder, **{"schema" if part == "python" else part: wanted.format(named)})
    outside.was_opened()  # by this test itself
    with pytest.raises(InvalidFileError) as refused:
        load_task(folder)
    assert outside.is_untouched()
    assert not marker.exists()
    assert "outside" in str(refused.value) or "comparator" in str(refused.value)


def completion(text: str) -> Completion:
    """Return an answer."""
    return Completion(text, FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)


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


ESCAPES = [
    *(
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ text.__init__.__globals__ }}",
        "{{ text|attr('__class__') }}",
    ),
    *("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ lipsum.__globals__ }}", "{{ self.__init__ }}"),
    *("{{ '{0.__class__}'.format(text) }}", "{{ '%s' % text }}", "{{ text.format_map(metadata) }}", "{{ request }}"),
    *("{{ [text]|map(attribute='__class__')|list }}", "{{ metadata|map('attr', '__class__')|list }}", "{{ joiner }}"),
    *(
        "{{ text.__format__ }}",
        "{{ text['__class__'] }}",
        "{{ metadata.update({'a': 1}) }}",
        "{{ get_flashed_messages }}",
    ),
    *("{% include 'FILE' %}", "{% import 'FILE' as x %}", "{% extends 'FILE' %}", "{% from 'FILE' import x %}"),
    *("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{% set x = text %}{% do x.y() %}", "{% debug %}"),
    *("{{ 10**10**10 }}", "{{ 'x' * 10**9 }}", "{{ '%0999999999d' % 1 }}", "{{ text|center(999999999) }}"),
    *(
        "{{ range(10**9)|list }}",
        "{{ range(999999999)|list }}",
        "{{ range(999999999)|sum }}",
        "{{ text|indent(99999999) }}",
    ),
    *(
        "{{ text|replace('', text) }}",
        "{{ text|replace('x', text) }}",
        "{{ text|list|join(text) }}",
        "{{ text|urlize }}",
    ),
    *("{{ text|wordwrap(1) }}", "{{ text|tojson(999999999) }}", "{{ 1|round(999999999) }}", "{{ text|xmlattr }}"),
    "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "{% for a in text %}{% for b in text %}{{ text }}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{{ text|upper|lower|title|sort|unique|list|length }}{% endfor %}",
    "{% for a in text recursive %}{{ loop(text) }}{% endfor %}",
    "{{ " + "text ~ " * 900 + "text }}",
    "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
]


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


@pytest.mark.parametrize("template", ESCAPES)
def test_no_template_gets_out_or_takes_long(template: str, outside: Outside) -> None:
    """It is refused when it is read or when it is filled in, or writes text of the document, within its bound."""
    variables = {"text": "x" * 20_000, "metadata": {"a": "b"}, "custom_id": "a", "pages": 1}

    def render() -> None:
        with suppress(UsageError):
            written = Template(outside.place(template)).render(variables)
            assert not {"class", "globals", "module", SECRET}.intersection(written.split())

    assert processor_ms(render) < MOST_MS
    assert outside.is_untouched()


@pytest.mark.parametrize(
    "text",
    [
        "task: !!python/object/apply:os.system [touch MARK]\n",
        "task: !!python/name:os.system\n",
        "task: !include FILE\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "<<: {task: t}\n",
        "task: " + "[" * 100_000,
        "{" * 100_000,
        "? " * 50_000,
        "- " * 50_000,
        "a: " + "1:" * 50_000 + "1\n",
        "a: " + "9" * 100_000 + "\n",
        "a: 1e999999999\n",
        "".join(f"k{number}: v\n" for number in range(9_000)),
        "%TAG ! tag:yaml.org,2002:python/\n---\ntask: !object/apply:os.system [id]\n",
        "task: t\n---\ntask: u\n",
        "\ufefftask: t\x00\n",
        'task: "\\uD800"\n',
    ],
    ids=lambda text: text[:15],
)
def test_no_yaml_runs_anything_or_takes_long(tmp_path: Path, outside: Outside, text: str) -> None:
    """Tags, bombs, nesting and odd numbers are mistakes with a place, told at once."""
    folder = write_task(tmp_path / "task")
    marker = tmp_path / "it ran"
    (folder / "task.yaml").write_text(outside.place(text).replace("MARK", str(marker)))
    with pytest.raises(InvalidFileError):
        load_task(folder)

    def load() -> None:
        with suppress(InvalidFileError):
            load_task(folder)

    assert processor_ms(load) < MOST_MS
    assert outside.is_untouched()
    assert not marker.exists()
