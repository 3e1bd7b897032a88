"""Task files of somebody who means harm: nothing is fetched, nothing outside the folder is read, nothing takes long."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from producer.task_folder import load_task
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenUsage
from routing.errors import InvalidFileError, UsageError
from routing.schema_size import LONGEST_NAME, MOST_PARTS, MOST_VALUES
from routing.task_file_sections import MOST_RULES
from routing.templates import Template
from routing.yaml_source import MAX_NODES
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
TASK_OF_LIMIT = TASK.format(schema="schema.json", system="Extract.", compare="number").partition("compare:")[0]
AT_LIMIT = MAX_NODES - 40
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
        "".join(f"k{number}: v\n" for number in range(2_000)),
        TASK_OF_LIMIT + "compare:\n" + "".join(f"  k{number}: nmber\n" for number in range(AT_LIMIT // 2)),
        TASK_OF_LIMIT + "checks:\n" + "".join(f"  ru{number}: 1\n" for number in range(AT_LIMIT // 2)),
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


def _fields(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"field_{number}": {} for number in range(count)}}


TOO_LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "fields": (_fields(MOST_PARTS), f"more than {MOST_PARTS} objects"),
    "a hundred thousand fields": (_fields(30_000), f"more than {MOST_VALUES} values"),
    "an enum": ({"properties": {"a": {"enum": list(range(MOST_VALUES))}}}, f"more than {MOST_VALUES} values"),
    "names": ({"required": [f"f{number}" for number in range(100_000)]}, f"more than {MOST_VALUES} values"),
    "alternatives": ({"properties": {"a": {"anyOf": [{}] * MOST_PARTS}}}, f"more than {MOST_PARTS} objects"),
    "a pattern": ({"properties": {"a": {"pattern": "a" * 900_000}}}, f"more than {LONGEST_NAME} characters"),
    "a name": ({"properties": {"a" * 900_000: {}}}, f"more than {LONGEST_NAME} characters"),
    "a reference": ({"properties": {"a": {"$ref": "#" + "/a" * 400_000}}}, f"more than {LONGEST_NAME} characters"),
    "text": ({"description": "x" * 1_000_001}, "longer than 1000000 characters"),
    "costly patterns": (
        {"properties": {f"f{number}": {"pattern": f".{{1,200}}{number}"} for number in range(200)}},
        "not a JSON Schema, at properties/f0/pattern",
    ),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_a_schema_too_large_to_be_worked_with_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """With the file, and with what is too large and its limit."""
    schema, told = TOO_LARGE[kind]
    folder = write_task(tmp_path / "task", schema)
    with pytest.raises(InvalidFileError) as refused:
        load_task(folder)
    assert told in str(refused.value)
    assert "schema.json" in str(refused.value)

    def load() -> None:
        with suppress(InvalidFileError):
            load_task(folder)

    assert processor_ms(load) < MOST_MS


def test_the_largest_schemas_are_loaded(tmp_path: Path) -> None:
    """Hundreds of fields, of dates by a pattern too, and long lists of allowed values."""
    dates = {f"day_{number}": {"pattern": f"^\\d{{4}}-\\d{{2}}-\\d{{2}} {number}$"} for number in range(300)}
    for schema in (
        {"properties": {"total": {}} | _fields(MOST_PARTS - 4)["properties"]},
        {"properties": {"total": {"enum": list(range(MOST_VALUES - 10))}}},
        {"properties": {"total": {}} | dates},
    ):
        assert load_task(write_task(tmp_path / "task", schema)).name == "t"


WRONG = {
    "names of fields": "checks:\n  grounded:\n" + "".join(f"    - g{number}_{'x' * 30}\n" for number in range(1_400)),
    "comparators": "compare:\n" + "".join(f"  g{number}_{'x' * 30}: number\n" for number in range(700)),
    "rules": "checks:\n  rules:\n" + "".join(f'    - "g{number}_{"x" * 30} > 1"\n' for number in range(MOST_RULES)),
    "long names": "checks:\n  grounded:\n" + f"    - {'x' * 90_000}\n" * 10,
}


@pytest.mark.parametrize("fields", [400, 1_400])
@pytest.mark.parametrize("kind", WRONG)
def test_names_that_nothing_has_are_told_without_long_comparing(tmp_path: Path, kind: str, fields: int) -> None:
    """However many, among however many that are known; looking for those that were meant took minutes."""
    known = {f"f{number}_{'x' * 30}": {} for number in range(fields)}
    folder = write_task(tmp_path / "task", {"properties": known})
    (folder / "task.yaml").write_text(TASK_OF_LIMIT + WRONG[kind])

    def load() -> None:
        with pytest.raises(InvalidFileError):
            load_task(folder)

    assert processor_ms(load) < 10 * MOST_MS


@pytest.mark.parametrize("rules", ["checks:\n  rules:\n", "route:\n  rules:\n"])
def test_more_rules_than_anybody_writes_are_refused(tmp_path: Path, rules: str) -> None:
    """At their place, with the limit."""
    rule = '    - "total > 1"\n' if rules.startswith("checks") else '    - {id: a, if: "pages > 1", tier: cheap}\n'
    folder = write_task(tmp_path / "task")
    (folder / "task.yaml").write_text(TASK_OF_LIMIT + rules + rule * (MOST_RULES + 1))
    with pytest.raises(InvalidFileError, match=f"task.yaml:7:.*at most {MOST_RULES} items"):
        load_task(folder)
