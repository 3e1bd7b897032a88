"""Where a value stands in an output: `total`, `seller.name`, `lines[2].amount`; `lines[*].amount` means all of them."""

from __future__ import annotations

import re
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

from routing.closest import closest

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from routing.json_value import JsonValue

EACH = "[*]"  # no name holds a bracket
ANY_KEY = "*"  # the name of what stands under keys the schema does not list

_NAME = re.compile(r"[^.\[\]]+")
_STEP = re.compile(r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9}|\*)\]")


def parse_path(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path: names, indexes and EACH. Raises ValueError where it is no path."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (match.group().startswith(".") == (position == 0) and match["name"] is not None):
            raise ValueError(f"`{path}` is not a field path such as `total`, `seller.name` or `lines[*].amount`")
        name, index = match["name"], match["index"]
        steps.append(name if name is not None else EACH if index == "*" else int(index))
        position = match.end()
    if not steps or not isinstance(steps[0], str) or steps[0] == EACH:
        raise ValueError(f"`{path}` does not begin with a field's name")
    return tuple(steps)


def is_name(key: str) -> bool:
    """Tell whether a path can name this key; one with a dot or a bracket in it would read as several steps."""
    return _NAME.fullmatch(key) is not None


def format_path(steps: Iterable[str | int]) -> str:
    """Write steps as a path, the way failures name fields."""
    path = ""
    for step in steps:
        path = below(path, step)
    return path


def below(path: str, step: str | int) -> str:
    """Return the path one step below another; a key that no path can name is `*`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if step == EACH:
        return path + EACH
    name = step if is_name(step) else ANY_KEY
    return f"{path}.{name}" if path else name


def leading_to(path: str) -> Iterator[str]:
    """Yield a path and every path above it. Raises ValueError where it is no path."""
    steps = parse_path(path)
    for count in range(len(steps)):
        yield format_path(EACH if isinstance(step, int) else step for step in steps[: count + 1])


def known_part(path: str, fields: Container[str]) -> str:
    """Return a path as far as it is one of a schema's `field_names`, and `*` for what goes on from there.

    Keys the schema leaves open are the model's own words, which it may have read in the document.
    """
    taken: list[str | int] = []
    for step in parse_path(path):
        if format_path(EACH if isinstance(known, int) else known for known in (*taken, step)) not in fields:
            return format_path((*taken, ANY_KEY))
        taken.append(step)
    return path


def select(output: JsonValue, steps: Sequence[str | int]) -> list[tuple[str, JsonValue]]:
    """Find each value a path means, with its own path (`lines[0].amount`); a missing value is null.

    EACH over null, or over what is no list, means no values.
    """
    return _select(output, tuple(steps), ())


def _select(
    value: JsonValue, steps: tuple[str | int, ...], taken: tuple[str | int, ...]
) -> list[tuple[str, JsonValue]]:
    if EACH not in steps:
        return [(_written((*taken, *steps)), reduce(take, steps, value))]
    each = steps.index(EACH)
    elements = reduce(take, steps[:each], value)
    before, after = (*taken, *steps[:each]), steps[each + 1 :]
    return [
        found
        for index, element in enumerate(elements if isinstance(elements, list) else ())
        for found in _select(element, after, (*before, index))
    ]


@lru_cache(maxsize=4_096)
def _written(steps: tuple[str | int, ...]) -> str:
    # The same few paths are asked for of every output.
    return format_path(steps)


def take(value: JsonValue, step: str | int) -> JsonValue:
    """Return one member or element of a value, None where it has none of that name or index."""
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and step < len(value) else None


def check_path(path: str, fields: frozenset[str]) -> str | None:
    """Return what is wrong with a path over a schema's `field_names`, None where it is one of them."""
    try:
        steps = parse_path(path)
    except ValueError as error:
        return str(error)
    known = format_path(EACH if isinstance(step, int) else step for step in steps)
    if known in fields or any(_covers(name, known) for name in fields if name.endswith(ANY_KEY)):
        return None
    near = closest(known, fields)
    return f"the schema has no field `{path}`{f'; did you mean `{near}`?' if near else ''}"


def _covers(open_name: str, path: str) -> bool:
    """Whether a path goes below an object whose keys the schema leaves open (`labels.*`)."""
    return path.startswith(open_name.removesuffix(ANY_KEY))
