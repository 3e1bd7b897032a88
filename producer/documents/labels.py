"""The labels of documents that cannot carry their own, such as the files of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.documents.formats.jsonl import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.mistakes import Mistakes
from producer.documents.opening import open_regular
from producer.documents.refusal import Refusal, RefusalCode, RefusedInputError
from producer.documents.row import BadRow, Row
from producer.documents.sources import shown
from producer.documents.storable import id_problem, value_problem
from routing.errors import InvalidFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from routing.document import Document
    from routing.json_value import JsonObject
    from routing.label_check import LabelCheck, LabelProblem


def read_labels(path: Path, check: LabelCheck) -> dict[str, JsonObject]:
    """Return the expected output of each custom_id from JSONL lines `{custom_id, expected}`. All of it is in memory.

    Raises InvalidFileError with the first 100 mistakes: a broken line, a missing key, an id told twice, a label that
    does not fit the task. The same mistake in many labels is told once, with how many more lines have it.
    """
    labels: dict[str, JsonObject] = {}
    mistakes = Mistakes()
    file_name = shown(path)
    try:
        with open_regular(path, follow_link=True) as file:
            for row in read_rows(file, IntakeLimits()):
                problem = row.reason if isinstance(row, BadRow) else _take(row, labels, check)
                if problem:
                    mistakes.add(file_name, row.line, problem)
                if mistakes.is_full:
                    break
    except RefusedInputError as refused:
        mistakes.add(file_name, None, refused.reason)
    if problems := mistakes.problems():
        raise InvalidFileError(problems)
    return labels


def only_labelled(documents: Iterable[Document | Refusal]) -> Iterator[Document | Refusal]:
    """Yield the documents that have a label, and a refusal for each one that has none."""
    reason = "it has no label: `expected` in its own row, or a line of the labels file"
    for document in documents:
        if isinstance(document, Refusal) or document.expected:
            yield document
        else:
            yield Refusal(document.custom_id, None, RefusalCode.MISSING_LABEL, reason, document.custom_id)


def _take(row: Row, labels: dict[str, JsonObject], check: LabelCheck) -> str | LabelProblem | None:
    """Add one line's label, and return what is wrong with it."""
    value = row.value if isinstance(row.value, dict) else {}
    custom_id, expected = value.get("custom_id"), value.get("expected")
    if not isinstance(custom_id, str) or not isinstance(expected, dict):
        return "it is not an object with a string `custom_id` and an object `expected`"
    if custom_id in labels:
        return f"the custom_id {custom_id!r} has a label above"
    labels[custom_id] = expected
    return id_problem(custom_id) or value_problem(expected) or check.problem(expected)
