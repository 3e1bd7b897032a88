"""Recordings of real models: which documents were asked about, and what each model answered.

A recordings file is JSONL. Each row has `id`, `input` (the document: a text, or an object of texts), and `models`: a
map of model names to `{"output": ...}` (the parsed answer) or `{"text": "..."}` (the raw one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from routing.errors import InvalidFileError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """One document and the answers of every model that was recorded on it."""

    id: str
    parts: tuple[str, ...]
    answers: Mapping[str, str]


def read_recordings(path: Path) -> list[Recording]:
    """Read a recordings file. Raises UsageError where there is none, InvalidFileError for rows of another form."""
    if not path.is_file():
        raise UsageError(f"There is no recordings file {path}.", "Correct `servers.*.recordings` of the deployment.")
    recordings: list[Recording] = []
    problems: list[Problem] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                recordings.append(_recording(orjson.loads(line)))
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
                problems.append(Problem(str(path), number, 1, f"this is no recording ({type(error).__name__})"))
                if len(problems) == _MOST_PROBLEMS:
                    break
    if problems:
        raise InvalidFileError(problems)
    return recordings


def _recording(row: dict[str, Any]) -> Recording:
    document = row["input"]
    parts = (document,) if isinstance(document, str) else tuple(document.values())
    answers = {
        model: answer["text"] if "text" in answer else orjson.dumps(answer["output"]).decode()
        for model, answer in row["models"].items()
    }
    return Recording(str(row["id"]), tuple(part for part in parts if isinstance(part, str) and part), answers)
