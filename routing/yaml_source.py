"""YAML with positions: what a file says, and where it says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from routing.errors import InvalidFileError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS = 1_000_000
MAX_NODES = 1_500
"""Twenty times the largest file of the examples; the most tiring file of so many takes less than 0.1 s to refuse."""
MAX_DEPTH = 50

MAX_NUMBER_CHARACTERS = 64
"""YAML reads 1:59:59 as a number, and needs time that grows with the square of its length."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it; PyYAML's own parser takes ten times as long over a hostile file."""

_TEXT, _MAP, _LIST = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A parsed file: its data (maps, lists, scalars), and the places of keys and values by their paths."""

    file: str
    data: dict[str, Any]
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def problem(self, path: Path, message: str, suggestion: str = "", *, at_key: bool = False) -> Problem:
        """Return a mistake at a path: at its value, or at its key; where it has neither, at what contains it."""
        place = self.keys.get(path) if at_key else None
        while place is None:
            place = self.values.get(path, self.keys.get(path))
            path = path[:-1]  # the file itself, the empty path, always has a place
        return Problem(self.file, place.line, place.column, message, suggestion)


def parse_yaml(text: str, file: str) -> YamlSource:
    """Parse a file whose outermost value is a map with text keys.

    Raises InvalidFileError with every mistake in its form. Aliases are refused, so that no file grows when it is read;
    so are duplicate keys and tags.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidFileError([Problem(file, 0, 0, f"it is longer than {MAX_CHARACTERS} characters")])
    try:
        root = _compose(text)
    except _FormError as error:
        raise InvalidFileError([Problem(file, *error.place, str(error))]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InvalidFileError([Problem(file, *place, error.problem or "this is not YAML")]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidFileError([Problem(file, 1, 1, f"this is not YAML ({type(error).__name__})")]) from None
    reader = _Reader(file)
    if not isinstance(root, yaml.MappingNode):
        raise InvalidFileError([Problem(file, 1, 1, "it must be a map of keys to values")])
    data = reader.read(root, ())
    if reader.problems:
        raise InvalidFileError(reader.problems)
    return YamlSource(file, data, reader.keys, reader.values)


def _compose(text: str) -> yaml.Node | None:
    events = list(_bounded(yaml.parse(text, Loader=_LOADER)))
    aliases = [event for event in events if isinstance(event, yaml.AliasEvent)]
    if aliases:
        raise _FormError("aliases are not allowed here", aliases[0])
    node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    return node


def _bounded(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise _FormError("it is too large or too deep", event)
        yield event


class _FormError(Exception):
    """Something YAML allows and these files do not."""

    def __init__(self, message: str, event: yaml.Event) -> None:
        super().__init__(message)
        self.place = (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._scalars = yaml.SafeLoader("")
        self.problems: list[Problem] = []
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}

    def read(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - YAML holds anything
        self.values[path] = _place(node)
        if isinstance(node, yaml.CollectionNode) and node.tag not in {_MAP, _LIST}:
            self._wrong(node, "tags are not allowed here")
        if isinstance(node, yaml.MappingNode):
            return self._read_map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _read_map(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._wrong(key_node, "keys are text here")
                continue
            if key in data:
                self._wrong(key_node, f"`{key}` stands here a second time")
                continue
            self.keys[*path, key] = _place(key_node)
            data[key] = self.read(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.Node) -> Any:  # noqa: ANN401 - YAML holds anything
        if node.tag != _TEXT and len(node.value) > MAX_NUMBER_CHARACTERS:
            self._wrong(node, "this value cannot be read")
            return None
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self._wrong(node, "this value cannot be read")
            return None
        # Dates and the like are written as text in these files.
        return value if value is None or isinstance(value, str | int | float | bool) else node.value

    def _wrong(self, node: yaml.Node, message: str) -> None:
        place = _place(node)
        self.problems.append(Problem(self._file, place.line, place.column, message))


def _place(node: yaml.Node) -> Place:
    quoted = isinstance(node, yaml.ScalarNode) and node.style in {"'", '"'}
    return Place(node.start_mark.line + 1, node.start_mark.column + 1 + quoted)  # the text, not its quote
