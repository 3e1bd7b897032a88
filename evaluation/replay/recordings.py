"""Recordings of real models: which documents were asked about, and what each model answered.

A recordings file is JSONL. Each row has an id (`custom_id` or `id`), a document (`text`, or `input`: a text or an
object of texts), and `models`: a map of model names to what they answered. An answer is `{"output": ...}` (parsed) or
`{"text": "..."}` (raw). `cheapfirst record` writes more with it, see docs/recordings.md; none of that has to be there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from routing.completion import FinishReason
from routing.errors import InvalidFileError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One answer. Tokens are None where they were not counted; `refused` is the status of a call that was refused."""

    text: str = ""
    finish_reason: FinishReason = FinishReason.STOP
    input_tokens: int | None = None
    output_tokens: int | None = None
    confidence: float | None = None
    refused: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """What one model answered about a document: asked first and then to repair (`whole`), for some fields, as a judge.

    `parts` are keyed by `part_key` of the fields that were asked for.
    """

    whole: tuple[RecordedAnswer, ...] = ()
    parts: Mapping[str, RecordedAnswer] = field(default_factory=dict)
    judged: RecordedAnswer | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One document and the answers of every model that was recorded on it."""

    id: str
    parts: tuple[str, ...]
    models: Mapping[str, RecordedModel]


def part_key(fields: Sequence[str]) -> str:
    """Return the name under which the answer to a request for some fields is kept."""
    return ",".join(sorted(fields))


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
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
                problems.append(Problem(str(path), number, 1, f"this is no recording ({type(error).__name__})"))
                if len(problems) == _MOST_PROBLEMS:
                    break
    if problems:
        raise InvalidFileError(problems)
    return recordings


def _recording(row: dict[str, Any]) -> Recording:
    document = row["text"] if "text" in row else row["input"]
    parts = (document,) if isinstance(document, str) else tuple(document.values())
    models = {name: _model(recorded) for name, recorded in row["models"].items()}
    identity = row["custom_id"] if "custom_id" in row else row["id"]
    return Recording(str(identity), tuple(part for part in parts if isinstance(part, str) and part), models)


def _model(recorded: dict[str, Any]) -> RecordedModel:
    repairs = [_answer(repair) for repair in recorded.get("repairs", ())]
    judged = recorded.get("judged")
    parts = {key: _answer(part) for key, part in recorded.get("parts", {}).items()}
    if not _is_answer(recorded) and (parts or judged is not None):
        return RecordedModel((), parts, None if judged is None else _answer(judged))
    return RecordedModel((_answer(recorded), *repairs), parts, None if judged is None else _answer(judged))


def _is_answer(recorded: dict[str, Any]) -> bool:
    return not recorded.keys().isdisjoint({"text", "output", "refused"})


def _answer(recorded: dict[str, Any]) -> RecordedAnswer:
    if "refused" in recorded:
        return RecordedAnswer(refused=int(recorded["refused"]))
    text = recorded["text"] if "text" in recorded else orjson.dumps(recorded["output"]).decode()
    if not isinstance(text, str):
        raise TypeError("an answer is a text")
    return RecordedAnswer(
        text,
        FinishReason(recorded.get("finish_reason", FinishReason.STOP)),
        recorded.get("input_tokens"),
        recorded.get("output_tokens"),
        recorded.get("confidence"),
    )
