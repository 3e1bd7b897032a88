"""CSV with a header row: one row a record, which may span lines."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from producer.documents.encoding import stream_encoding
from producer.documents.lines import OverlongLine, bounded_lines
from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.row import BadRow, Row
from producer.documents.utf8_stream import open_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from producer.documents.limits import IntakeLimits

_DELIMITERS = (",", ";", "\t", "|")


def read_rows(file: BinaryIO, limits: IntakeLimits) -> Iterator[Row | BadRow]:
    """Yield one row or bad row for each record that is not blank. The file must be seekable.

    Raises RefusedInputError where the header cannot be used, and where a record is longer than the limit: what follows
    it cannot be told apart from it, so that the rest of the file is not read.
    """
    encoding = stream_encoding(file).text
    # The module's own limit is process-wide and 128 KiB; the record's limit below is the one that holds.
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_line_bytes))
    lines = _RecordLines(open_utf8(file, encoding), limits.max_line_bytes)
    header_line = next(lines, "")
    delimiter = max(_DELIMITERS, key=lambda candidate: len(_cells(header_line, candidate)))
    columns = _columns(_cells(header_line, delimiter))
    lines.start_record()
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    while (outcome := _next_row(records, lines, columns)) is not None:
        if not isinstance(outcome, _Blank):
            yield outcome
        lines.start_record()


class _Blank:
    pass


class _RecordLines:
    """The decoded lines, counted, that raises where one record takes more than its share."""

    def __init__(self, file: BinaryIO, max_record_bytes: int) -> None:
        self._lines = bounded_lines(file, max_record_bytes)
        self._max_record_bytes = max_record_bytes
        self._record_bytes = 0
        self._number = 0
        self.record_line = 1

    def start_record(self) -> None:
        self.record_line = self._number + 1
        self._record_bytes = 0

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._record_bytes += line.length_bytes if isinstance(line, OverlongLine) else len(line)
        if isinstance(line, OverlongLine) or self._record_bytes > self._max_record_bytes:
            raise RefusedInputError(
                RefusalCode.TOO_LARGE,
                f"the record at line {self.record_line} takes more than {self._max_record_bytes} bytes, or its quote "
                "is never closed; the rest of the file was not read",
            )
        # Broken bytes become lone surrogates here and are refused with their row.
        return line.decode("utf-8", "surrogateescape")


def _cells(header_line: str, delimiter: str) -> list[str]:
    return next(csv.reader([header_line], delimiter=delimiter), [])


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    if not any(columns):
        raise RefusedInputError(RefusalCode.EMPTY, "its first line is blank; the column names go there")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise RefusedInputError(RefusalCode.MALFORMED, f"its header names a column twice: {twice[0]!r}")
    return columns


def _next_row(records: Iterator[list[str]], lines: _RecordLines, columns: list[str]) -> Row | BadRow | _Blank | None:
    try:
        cells = next(records, None)
    except csv.Error as error:
        return BadRow(lines.record_line, RefusalCode.MALFORMED, f"the record is broken: {error}")
    if cells is None:
        return None
    if not cells:
        return _Blank()
    if len(cells) != len(columns):
        return BadRow(
            lines.record_line,
            RefusalCode.MALFORMED,
            f"the record has {len(cells)} cells, the header has {len(columns)}",
        )
    return Row(lines.record_line, lines.record_line, dict(zip(columns, cells, strict=True)), tabular=True)
