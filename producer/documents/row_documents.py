"""Rows to documents: the id, the text or the file it names, metadata and labels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from producer.documents.acceptance import check_storable, checked_id
from producer.documents.batch_line import is_batch_line, read_batch_line
from producer.documents.extract import Extract
from producer.documents.opening import open_regular, refused_by_system
from producer.documents.recorded_line import is_recorded_line, read_recorded_line
from producer.documents.refusal import Refusal, RefusalCode, RefusedInputError
from producer.documents.row import BadRow, Row
from routing.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from producer.documents.acceptance import Acceptance
    from producer.documents.file_extracts import FileExtracts
    from routing.document import Document
    from routing.json_value import JsonObject, JsonValue
    from routing.row_reader import RowReader


class RowDocuments:
    """Reads the rows of one source.

    A row without a custom_id is named `NAME:LINE`, the same on every run. `folder` is where files named by rows must
    be; None where there is none, as on standard input.
    """

    def __init__(
        self, rows: RowReader, acceptance: Acceptance, files: FileExtracts, name: str, folder: Path | None
    ) -> None:
        self._rows = rows
        self._acceptance = acceptance
        self._files = files
        self._name = name
        self._folder = folder

    def read(self, row: Row | BadRow, source: str) -> Document | Refusal:
        """Return the row's document, or why there is none."""
        if isinstance(row, BadRow):
            return Refusal(source, row.line, row.code, row.reason)
        custom_id = None
        try:
            if row.whole_text is not None and not self._is_row(row.value):
                custom_id = checked_id(self._name)
                return self._acceptance.accept(custom_id, Extract(row.whole_text))
            value = _as_object(row.value)
            if is_recorded_line(value):
                recorded_id, extract, labels = read_recorded_line(value)
                custom_id = checked_id(recorded_id)
                return self._acceptance.accept(custom_id, extract, labels, plain=row.plain)
            custom_id = checked_id(self._custom_id(row, value))
            expected = self._rows.expected(value)
            return self._acceptance.accept(custom_id, self._extract(row, value), expected, plain=row.plain)
        except RefusedInputError as refused:
            # An element of an array has no line; its number tells which one is meant.
            place = "" if row.line is not None or row.whole_text is not None else f"element {row.number}: "
            return Refusal(source, row.line, refused.code, place + refused.reason, custom_id)

    def _is_row(self, value: JsonValue) -> bool:
        """Return whether a file of one JSON value says what its text is; else it is the text itself."""
        if not isinstance(value, dict):
            return False
        try:
            has_text = self._rows.text(value) is not None
        except (UsageError, ValueError):
            has_text = True  # a row that fails the task's template, which is told
        return has_text or "document" in value or is_batch_line(value) or is_recorded_line(value)

    def _custom_id(self, row: Row, value: JsonObject) -> str:
        custom_id = self._rows.custom_id(value)
        if custom_id is not None:
            return custom_id
        if is_batch_line(value) and isinstance(value["custom_id"], str):
            return value["custom_id"]
        return self._name if row.whole_text is not None else f"{self._name}:{row.number}"

    def _extract(self, row: Row, value: JsonObject) -> Extract:
        text = self._text(value)
        if text is not None:
            if row.tabular:
                return Extract(text, metadata={column: cell for column, cell in value.items() if cell != text})
            return Extract(text, metadata=_metadata(value))
        if "document" in value:
            return self._named_file(row, value)
        if is_batch_line(value):
            return read_batch_line(value)
        raise RefusedInputError(
            RefusalCode.MISSING_TEXT, "it has no text; the task's `input.text` says under which key it is looked for"
        )

    def _text(self, value: JsonObject) -> str | None:
        try:
            return self._rows.text(value)
        except (UsageError, ValueError) as error:
            raise RefusedInputError(RefusalCode.INVALID_ROW, str(error)) from error

    def _named_file(self, row: Row, value: JsonObject) -> Extract:
        named = value["document"]
        if not isinstance(named, str) or "\0" in named:
            raise RefusedInputError(RefusalCode.INVALID_ROW, "its `document` is not the path of a file")
        try:
            with open_regular(self._inside_folder(named), follow_link=False) as file:
                extract = self._files.extract(file, PurePosixPath(named).suffix.lower())
            check_storable(extract)  # the row being plain says nothing of the file
        except RefusedInputError as refused:
            raise RefusedInputError(refused.code, f"the file named in `document`: {refused.reason}") from refused
        except OSError as error:
            raise refused_by_system(error) from error
        own = (
            {column: cell for column, cell in value.items() if column != "document"}
            if row.tabular
            else _metadata(value)
        )
        return Extract(extract.text, extract.pages, {**own, **extract.metadata})

    def _inside_folder(self, named: str) -> Path:
        if self._folder is None:
            raise RefusedInputError(RefusalCode.OUTSIDE_FOLDER, "rows on standard input cannot name files")
        path = PurePosixPath(named)
        if path.is_absolute() or ".." in path.parts:
            raise RefusedInputError(RefusalCode.OUTSIDE_FOLDER, "it leads out of the folder of the file that names it")
        target = self._folder / path
        try:
            has_link = target.resolve() != self._folder.resolve() / path
        except (OSError, RuntimeError) as error:  # a loop of links
            raise RefusedInputError(RefusalCode.OUTSIDE_FOLDER, "it leads through links without end") from error
        if has_link:
            raise RefusedInputError(RefusalCode.OUTSIDE_FOLDER, "it leads through a symbolic link")
        return target


def _as_object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise RefusedInputError(RefusalCode.INVALID_ROW, "it is not a JSON object")
    return value


def _metadata(row: JsonObject) -> dict[str, JsonValue]:
    metadata = row.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise RefusedInputError(RefusalCode.INVALID_ROW, "its `metadata` is not a JSON object")
    return metadata
