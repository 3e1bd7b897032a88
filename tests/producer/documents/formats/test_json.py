from __future__ import annotations

import io

import pytest

from producer.documents.formats.json import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.row import Row


def _rows(data: bytes) -> list[Row]:
    return list(read_rows(io.BytesIO(data), IntakeLimits(max_line_bytes=200_000)))


def test_an_array_of_objects_is_rows() -> None:
    """Elements are numbered from 1 and have no line."""
    assert _rows(b'[{"a": 1},\n {"a": 2}]') == [Row(1, None, {"a": 1}, plain=True), Row(2, None, {"a": 2}, plain=True)]


@pytest.mark.parametrize("text", ['{"a": "é"}', "[1, 2]", '[{"a": 1}, 2]', '"x"'])
def test_anything_else_is_one_row_that_is_the_whole_file(text: str) -> None:
    """The text of the file is kept as it is."""
    (row,) = _rows(text.encode("utf-8-sig"))
    assert row.whole_text == text


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", RefusalCode.EMPTY),
        (b"[]", RefusalCode.EMPTY),
        (b"{", RefusalCode.MALFORMED),
        (b"[" * 100_000, RefusalCode.MALFORMED),
        (b'{"a": "\xe9"}', RefusalCode.NOT_TEXT),
        (b'{"a": "\\udc00"}', RefusalCode.NOT_STORABLE),
        (b'"' + b"x" * 200_000 + b'"', RefusalCode.TOO_LARGE),
    ],
)
def test_a_file_that_is_no_json_is_refused(data: bytes, code: RefusalCode) -> None:
    """A .json file that cannot be parsed is refused as a whole."""
    with pytest.raises(RefusedInputError) as caught:
        _rows(data)
    assert caught.value.code is code
