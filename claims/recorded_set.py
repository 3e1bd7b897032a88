"""The recorded sets as documents with labels and with what each model answered, parted into two halves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.replay.recording_row import KIND
from routing.errors import UsageError
from routing.rollout import share_point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

HALF_PERCENT = 50


@dataclass(frozen=True, slots=True)
class Document:
    """One recorded document. `answers` are by the models' names in the set, as the replay reads them."""

    custom_id: str
    text: str
    expected: dict[str, Any]
    answers: dict[str, dict[str, Any]]

    def row(self, models: Iterable[str] = ()) -> dict[str, Any]:
        """Return it as an input row, with the answers of these models for a recordings file."""
        return {
            "kind": KIND,
            "custom_id": self.custom_id,
            "text": self.text,
            "expected": self.expected,
            "models": {model: self.answers[model] for model in models},
        }


@dataclass(frozen=True, slots=True)
class Halves:
    """A set in two: what is tuned on, and what the figures come from. `repeated` rows had the text of another."""

    tuning: Sequence[Document]
    testing: Sequence[Document]
    repeated: int


def read_halves(data: Path, name: str, limit: int | None = None) -> Halves:
    """Return a set's halves, of its first `limit` rows where one is given.

    Which half a document is in follows from a hash of its id alone. Rows that repeat a text are left out: a replay
    cannot tell them apart, and one of them might be in either half. Raises UsageError where the set is not there.
    """
    file = data / _FILES[name]
    if not file.is_file():
        raise UsageError(f"There is no recorded set {file}.", "Name the folder that holds it: --data, CHEAPFIRST_DATA.")
    with file.open(encoding="utf-8") as lines:
        rows = [_READERS[name](json.loads(line)) for line in lines]
    kept: dict[str, Document] = {}
    for row in rows[:limit]:
        kept.setdefault(row.text, row)
    halves: tuple[list[Document], list[Document]] = ([], [])
    for document in kept.values():
        halves[share_point(name, document.custom_id, "claims") >= HALF_PERCENT].append(document)
    return Halves(*halves, repeated=len(rows[:limit]) - len(kept))


def _receipt(row: dict[str, Any]) -> Document:
    return Document(row["custom_id"], row["text"], row["expected"], {})


def _mail(row: dict[str, Any]) -> Document:
    mail = row["input"]
    text = f"From: {mail['from']}\nSubject: {mail['subject']}\n\n{mail['body']}"
    answers = {name: {"output": model["output"]} for name, model in row["models"].items()}
    return Document(row["id"], text, row["reference"], answers)


def _question_with_answers(row: dict[str, Any]) -> Document:
    answers = {name: {"text": model["output"]} for name, model in row["models"].items()}
    return Document(row["id"], row["input"]["question"], row["reference"], answers)


def _question_with_marks(row: dict[str, Any]) -> Document:
    """Return a question of which only is known who was right: the answer that is replayed is that mark itself."""
    answers = {name: {"output": {"right": model["correct"]}} for name, model in row["models"].items()}
    return Document(row["id"], row["input"]["question"], {"right": True}, answers)


_FILES = {
    "receipts": "receipts/dev.jsonl",
    "committees": "committees/records.jsonl",
    "json_answers": "json_answers/records.jsonl",
    "mmlu_routing": "mmlu_routing/records.jsonl",
}
_READERS: dict[str, Callable[[dict[str, Any]], Document]] = {
    "receipts": _receipt,
    "committees": _mail,
    "json_answers": _question_with_answers,
    "mmlu_routing": _question_with_marks,
}
