"""Reading a task from its folder: the task file, its schema and its prompts, by value."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from routing.comparators import check_comparator, custom_function
from routing.custom_comparator import load_function
from routing.errors import InvalidFileError, Problem, UsageError
from routing.file_errors import in_order, nearest
from routing.output_schema import compile_output_schema, describe_pydantic
from routing.schema_size import require_usual_size
from routing.task import FrozenTask, JsonSchema, PydanticSchema
from routing.task_file import PromptText, freeze, parse_task_file, prompt_places

if TYPE_CHECKING:
    from routing.task_file_sections import TaskFile
    from routing.yaml_source import Path as YamlPath
    from routing.yaml_source import YamlSource

TASK_FILE = "task.yaml"
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_SCHEMA_CHARACTERS = 1_000_000
MOST_BESIDE = 1_000
"""How many files of the folder are looked at for the one that was meant."""
_PROMPT_ENDINGS = (".md", ".txt")


def load_task(path: Path) -> FrozenTask:
    """Return the task in a folder (its `task.yaml`) or in a YAML file, frozen with everything it refers to.

    Raises UsageError where there is none, InvalidFileError with every mistake in it.
    """
    file = path / TASK_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"There is no task at {path}.", f"Name a folder that holds {TASK_FILE}, or a YAML file.")
    parsed, source, problems = parse_task_file(_text(file), str(file))
    if parsed is None:
        raise InvalidFileError(in_order(problems))
    folder = _Folder(file.parent, source)
    output = folder.schema(parsed)
    prompts = {place: folder.prompt(place, value) for place, value in prompt_places(parsed)}
    comparator_sources = folder.comparators(parsed)
    problems += folder.problems
    if output is None:
        raise InvalidFileError(in_order(problems))
    try:
        task = freeze(parsed, source, output, lambda place, _: prompts[place])
    except InvalidFileError as error:
        raise InvalidFileError(in_order([*problems, *error.problems])) from None
    if problems:
        raise InvalidFileError(in_order(problems))
    return task.model_copy(update={"comparator_sources": comparator_sources})


class _Folder:
    """The files beside a task file. Mistakes are gathered in `problems`, so that all are told at once."""

    def __init__(self, folder: Path, source: YamlSource) -> None:
        self._folder = folder
        self._source = source
        self.problems: list[Problem] = []

    def prompt(self, place: YamlPath, value: str) -> PromptText:
        """Return a prompt's text: the value itself, or the file it names."""
        if "\n" in value or not value.endswith(_PROMPT_ENDINGS):
            return PromptText(value)
        return PromptText(self._read(place, value) or "", str(self._folder / value))

    def comparators(self, parsed: TaskFile) -> dict[str, str]:
        """Return the Python files that custom comparators name, each tried once."""
        sources: dict[str, str] = {}
        for field, comparator in parsed.compare.items():
            named = None if check_comparator(comparator) else custom_function(comparator)
            if named is None:
                continue
            file, function = named
            text = sources[file] if file in sources else self._read(("compare", field), file)
            if text is None:
                continue
            sources[file] = text
            try:
                load_function(text, function, str(self._folder / file))
            except InvalidFileError as error:
                self.problems += error.problems
        return sources

    def schema(self, parsed: TaskFile) -> PydanticSchema | JsonSchema | None:
        """Return the output's schema, None where it has mistakes."""
        name, _, class_name = parsed.output_schema.partition(":")
        text = self._read(("schema",), name)
        if text is None:
            return None
        try:
            return self._python(name, class_name, text) if name.endswith(".py") else self._json(name, text)
        except InvalidFileError as error:
            self.problems += error.problems
            return None

    def _python(self, name: str, class_name: str, text: str) -> PydanticSchema | None:
        if not class_name:
            self._wrong(("schema",), f"`{name}` must be followed by the model's name", f"write `{name}:ClassName`")
            return None
        described = describe_pydantic(text, class_name, str(self._folder / name))
        require_usual_size(described, str(self._folder / name))
        return PydanticSchema(source=text, class_name=class_name, json_schema=dict(described))

    def _json(self, name: str, text: str) -> JsonSchema | None:
        if len(text) > MAX_SCHEMA_CHARACTERS:
            raise InvalidFileError(
                [Problem(str(self._folder / name), 0, 0, f"it is longer than {MAX_SCHEMA_CHARACTERS} characters")]
            )
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidFileError(
                [Problem(str(self._folder / name), error.lineno, error.colno, f"this is not JSON: {error.msg}")]
            ) from None
        if not isinstance(document, dict):
            self._wrong(("schema",), f"`{name}` holds no JSON Schema: it must be an object")
            return None
        require_usual_size(document, str(self._folder / name))
        try:
            schema = JsonSchema(json_schema=document)
        except ValidationError:
            raise InvalidFileError([Problem(str(self._folder / name), 0, 0, "it is nested too deeply")]) from None
        compile_output_schema(schema, str(self._folder / name))
        return schema

    def _read(self, place: YamlPath, name: str) -> str | None:
        """Return the text of a file of this folder, None (and a problem) where it is not one."""
        path = self._folder / name
        inside = path.resolve().is_relative_to(self._folder.resolve())
        if not name or Path(name).is_absolute() or not inside:
            self._wrong(place, f"`{name}` lies outside the task's folder", "put the file beside the task file")
            return None
        if not path.is_file():
            beside = [found.name for found in islice(self._folder.iterdir(), MOST_BESIDE)]
            self._wrong(place, f"there is no file `{name}`", nearest(name, beside))
            return None
        try:
            return _text(path)
        except InvalidFileError as error:
            self.problems += error.problems
            return None

    def _wrong(self, place: YamlPath, message: str, suggestion: str = "") -> None:
        self.problems.append(self._source.problem(place, message, suggestion))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise InvalidFileError([Problem(str(file), 0, 0, f"it is larger than {MAX_FILE_BYTES} bytes")])
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidFileError([Problem(str(file), line, 1, "it is not UTF-8 here", "save it as UTF-8")]) from None
    except OSError as error:
        raise InvalidFileError([Problem(str(file), 0, 0, f"it cannot be read: {error.strerror}")]) from None
