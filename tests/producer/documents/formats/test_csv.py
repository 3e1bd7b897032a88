from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.formats.csv import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.row import BadRow, Row


def _rows(data: bytes, limit: int = 1_000) -> list[Row | BadRow]:
    return list(read_rows(io.BytesIO(data), IntakeLimits(max_line_bytes=limit)))


def _values(data: bytes) -> list[object]:
    return [row.value for row in _rows(data) if isinstance(row, Row)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_parts_the_header(delimiter: str) -> None:
    """Comma, semicolon, tab and bar are told apart by the header."""
    data = f'id{delimiter}text\n1{delimiter}"a{delimiter}b"\n'.encode()
    assert _values(data) == [{"id": "1", "text": f"a{delimiter}b"}]


def test_a_single_column_needs_no_delimiter() -> None:
    """One column is a table too."""
    assert _values(b"text\nhello\n") == [{"text": "hello"}]


def test_a_record_may_span_lines_and_is_named_by_its_first() -> None:
    """Quoted line ends belong to the cell; blank lines are skipped."""
    rows = _rows(b'id,text\r\n1,"a\r\nb"\r\n\r\n2,c\r\n')
    assert rows == [
        Row(2, 2, {"id": "1", "text": "a\r\nb"}, tabular=True),
        Row(5, 5, {"id": "2", "text": "c"}, tabular=True),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_encodings_are_read(encoding: str) -> None:
    """What Excel writes, with a byte order mark or in a Western encoding, is read."""
    assert _values("id;Straße\n1;Köln\n".encode(encoding)) == [{"id": "1", "Straße": "Köln"}]


@pytest.mark.parametrize(
    "record", [b"1", b"1,2,3", b'1,"a"b', b"1,a\rb\r"], ids=["short", "long", "after quote", "old line end"]
)
def test_a_broken_record_is_told_and_the_next_one_is_read(record: bytes) -> None:
    """A record that does not fit the header or breaks its quotes is told with its line."""
    bad, good = _rows(b"id,text\n" + record + b"\n2,c\n")
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (2, RefusalCode.MALFORMED)
    assert isinstance(good, Row)
    assert good.line == 3


def test_a_quote_that_is_never_closed_is_told() -> None:
    """A quote open at the end of the file is told where it began."""
    (bad,) = _rows(b'id,text\n1,"abc\ndef\n')
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (2, RefusalCode.MALFORMED)


@pytest.mark.parametrize("record", [b'2,"' + b"x\n" * 1_000, b"2," + b"x" * 2_000 + b"\n3,c\n"])
def test_a_record_beyond_the_limit_ends_the_file(record: bytes) -> None:
    """Reading stops at a record longer than the limit, which is told with its line."""
    rows = read_rows(io.BytesIO(b"id,text\n1,a\n" + record), IntakeLimits(max_line_bytes=1_000))
    assert isinstance(next(rows), Row)
    with pytest.raises(RefusedInputError, match="line 3") as caught:
        next(rows)
    assert caught.value.code is RefusalCode.TOO_LARGE


def test_cells_may_be_longer_than_the_modules_own_limit() -> None:
    """A document of a million characters fits into a cell."""
    (row,) = _rows(b"text\n" + b"x" * 1_000_000, limit=2_000_000)
    assert isinstance(row, Row)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", RefusalCode.EMPTY), (b"\n1,2\n", RefusalCode.EMPTY), (b"a,b,a\n1,2,3\n", RefusalCode.MALFORMED)],
)
def test_a_header_that_cannot_be_used_refuses_the_file(data: bytes, code: RefusalCode) -> None:
    """No header, or one that names a column twice, refuses the file."""
    with pytest.raises(RefusedInputError) as caught:
        _rows(data)
    assert caught.value.code is code


_CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(st.tuples(_CELL, _CELL), min_size=1))
def test_what_a_writer_writes_is_read_back(records: list[tuple[str, str]]) -> None:
    """Tables written by Python come out as they went in."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text"])
    writer.writerows(records)
    assert _values(buffer.getvalue().encode()) == [{"id": first, "text": second} for first, second in records]


@settings(deadline=None)  # the first example imports the parser
@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused(data: bytes) -> None:
    """No bytes raise anything but a refusal."""
    with suppress(RefusedInputError):
        _rows(b"id,text\n" + data)
