"""Where each value of a JSON object stands in its text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from routing.field_path import format_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<plain>[^\s{}\[\],:"]+)')


def value_places(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield path, start and end of every value that is no object or list, in the JSON that begins at `start`.

    `text` has been read as JSON from there, so that nothing is checked again.
    """
    path: list[str | int] = []
    at_key = False
    for match in _TOKEN.finditer(text, start):
        mark = match["mark"]
        if mark is None and at_key:
            path[-1] = json.loads(match.group(), strict=False)
        elif mark is None:
            yield format_path(path), match.start(), match.end()
        elif mark in "{[":
            path.append("" if mark == "{" else 0)
            at_key = mark == "{"
        elif mark in "}]":
            path.pop()
            if not path:
                return
        else:
            at_key = mark == "," and _next_member(path)


def _next_member(path: list[str | int]) -> bool:
    """Step to the next element of a list; tell whether a key comes next instead."""
    last = path[-1]
    if isinstance(last, int):
        path[-1] = last + 1
        return False
    return True
