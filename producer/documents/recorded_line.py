"""Lines that `cheapfirst record` wrote: documents as they were when models were asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.replay.recording_row import KIND
from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from routing.json_value import JsonObject


def is_recorded_line(row: JsonObject) -> bool:
    """Return whether a row is a recording."""
    return row.get("kind") == KIND and row.keys() >= {"custom_id", "text", "models"}


def read_recorded_line(row: JsonObject) -> tuple[str, Extract, JsonObject | None]:
    """Return its id, its document and its labels, whatever keys the task's own rows have.

    Raises RefusedInputError where a part of it is of another form.
    """
    custom_id, text, pages = row["custom_id"], row["text"], row.get("pages")
    metadata, expected = row.get("metadata") or {}, row.get("expected")
    if not (isinstance(custom_id, str) and isinstance(text, str) and isinstance(metadata, dict)):
        raise _refused()
    if not (pages is None or isinstance(pages, int)) or not (expected is None or isinstance(expected, dict)):
        raise _refused()
    return custom_id, Extract(text, pages, metadata), expected


def _refused() -> RefusedInputError:
    return RefusedInputError(RefusalCode.INVALID_ROW, "it says it is a recording, but is not of the form of one")
