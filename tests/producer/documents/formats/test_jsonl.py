from __future__ import annotations

import io
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.formats.jsonl import is_plain, read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode
from producer.documents.row import BadRow, Row

LIMITS = IntakeLimits(max_line_bytes=1_000)


def _rows(data: bytes) -> list[Row | BadRow]:
    return list(read_rows(io.BytesIO(data), LIMITS))


def test_lines_are_rows_and_blank_ones_are_not() -> None:
    """Each line that is not blank is a row, counted as an editor counts."""
    assert _rows(b'{"a": 1}\n\n \t\r\n{"a": 2}') == [Row(1, 1, {"a": 1}, plain=True), Row(4, 4, {"a": 2}, plain=True)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(encoding: str) -> None:
    """A mark tells the encoding."""
    (row,) = _rows('{"a": "é"}\n'.encode(encoding))
    assert isinstance(row, Row)
    assert row.value == {"a": "é"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a": 1', RefusalCode.MALFORMED),
        (b"{'a': 1}", RefusalCode.MALFORMED),
        (b'{"a": NaN}', RefusalCode.MALFORMED),
        (b'{"a": 1e999}', RefusalCode.MALFORMED),
        (b'{"a": 1} {"b": 2}', RefusalCode.MALFORMED),
        (b'{"a": "\x00"}', RefusalCode.MALFORMED),
        (b"[" * 900, RefusalCode.MALFORMED),
        (b'{"a": "' + "é".encode("cp1252") + b'"}', RefusalCode.NOT_TEXT),
        (b'{"a": "\\ud800"}', RefusalCode.NOT_STORABLE),
        (b'{"a": "' + b"x" * 1_000 + b'"}', RefusalCode.TOO_LARGE),
    ],
)
def test_a_broken_line_is_told_and_the_next_one_is_read(line: bytes, code: RefusalCode) -> None:
    """A broken line is told with its number, and spoils no other."""
    bad, good = _rows(line + b'\n{"a": 1}\n')
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (1, code)
    assert isinstance(good, Row)
    assert good.line == 2


def test_a_bracket_bomb_is_told() -> None:
    """100 000 open brackets are a malformed line."""
    (bad,) = read_rows(io.BytesIO(b"[" * 100_000), IntakeLimits())
    assert isinstance(bad, BadRow)
    assert bad.code is RefusalCode.MALFORMED


def test_only_harmless_lines_are_plain() -> None:
    """A line that may hold NUL or deep nesting is not plain."""
    assert is_plain(b'{"a": [1, {"b": 2}]}')
    assert not is_plain(rb'{"a": "\u0000"}')
    assert not is_plain(b"[" * 64 + b"]" * 64)


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b""))))
def test_every_line_that_is_not_blank_has_one_outcome(lines: list[bytes]) -> None:
    """Nothing is dropped and nothing told twice, whatever the bytes."""
    first = b'{"a": 1}\n'  # so that no random bytes are taken for a byte order mark
    outcomes = _rows(first + b"\n".join(lines))
    assert len(outcomes) == 1 + sum(bool(line) and not line.isspace() for line in lines)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(_JSON, max_size=5))
def test_rows_are_what_json_says(values: list[object]) -> None:
    """Values come out as Python's own parser reads them."""
    data = b"".join(orjson.dumps(value) + b"\n" for value in values)
    rows = list(read_rows(io.BytesIO(data), IntakeLimits()))
    assert [row.value for row in rows if isinstance(row, Row)] == [json.loads(line) for line in data.splitlines()]
