"""Each bad input has one clear outcome, and none ends the reading."""

from __future__ import annotations

import codecs
import json
import os
import resource
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.limits import MEBIBYTE, IntakeLimits
from producer.documents.spool import Spool
from tests.support.documents import pdf, take_in, with_part, word, word_with_body, write_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEEP = 100_000
TEXT = "Café, total 9.00"


FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty text": ("a.txt", lambda: b"", "empty"),
    "blank text": ("a.txt", lambda: b" \r\n\t", "empty"),
    "only a byte order mark": ("a.txt", lambda: codecs.BOM_UTF8, "empty"),
    "nul in text": ("a.txt", lambda: b"total\x009.00", "not_storable"),
    "utf-16 without mark": ("a.txt", lambda: TEXT.encode("utf-16-le"), "not_text"),
    "half a pair in utf-16": ("a.txt", lambda: b"\xff\xfe\x00\xd8a\x00", "not_text"),
    "picture named text": ("a.md", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xd8", "not_text"),
    "oversized text": ("a.txt", lambda: b"x" * (MEBIBYTE + 1), "too_large"),
    "no ending": ("README", lambda: b"x", "unknown_format"),
    "unknown ending": ("a.exe", lambda: b"x", "unknown_format"),
    "name is no unicode": (os.fsdecode(b"\xff.txt"), lambda: b"x", "invalid_id"),
    "name holds an escape": ("a\x1b[2J.txt", lambda: b"x", "invalid_id"),
    "empty pdf": ("a.pdf", lambda: b"", "empty"),
    "broken pdf": ("a.pdf", lambda: b"%PDF-1.7 nothing", "malformed"),
    "encrypted pdf": ("a.pdf", lambda: pdf("a", password="x"), "encrypted"),
    "scanned pdf": ("a.pdf", lambda: pdf(""), "no_text_layer"),
    "page bomb": ("a.pdf", lambda: pdf(*"abcdef"), "too_large"),
    "text named word": ("a.docx", lambda: b"x", "malformed"),
    "word under a password": ("a.docx", lambda: bytes.fromhex("d0cf11e0a1b11ae1"), "encrypted"),
    "zip bomb": ("a.docx", lambda: with_part(word("a"), "b", b"\0" * (16 * MEBIBYTE)), "too_large"),
    "xml nesting bomb": ("a.docx", lambda: word_with_body("<w:p>" * DEEP + "</w:p>" * DEEP), "malformed"),
    "html nesting bomb": ("a.html", lambda: b"<div>" * 200_000, "too_costly"),
    "html without text": ("a.html", lambda: b"<script>x()</script>", "empty"),
    "empty json": ("a.json", lambda: b"", "empty"),
    "empty array": ("a.json", lambda: b"[]", "empty"),
    "json nesting bomb": ("a.json", lambda: b"[" * DEEP, "malformed"),
    "json in cp1252": ("a.json", lambda: f'"{TEXT}"'.encode("cp1252"), "not_text"),
    "jsonl nesting bomb": ("a.jsonl", lambda: b'{"a":' * DEEP, "malformed"),
    "jsonl overlong line": ("a.jsonl", lambda: b'{"text": "' + b"x" * MEBIBYTE + b'"}', "too_large"),
    "jsonl in cp1252": ("a.jsonl", lambda: f'{{"text": "{TEXT}"}}'.encode("cp1252"), "not_text"),
    "jsonl nul": ("a.jsonl", lambda: rb'{"text": "a\u0000b"}', "not_storable"),
    "jsonl half a pair": ("a.jsonl", lambda: rb'{"text": "a\ud83db"}', "not_storable"),
    "csv without header": ("a.csv", lambda: b"", "empty"),
    "csv column twice": ("a.csv", lambda: b"text,text\na,b\n", "malformed"),
    "csv open quote": ("a.csv", lambda: b'text\n"abc', "malformed"),
    "csv endless quote": ("a.csv", lambda: b'text\n"' + b"x\n" * MEBIBYTE, "too_large"),
    "csv nul": ("a.csv", lambda: b"text\na\0b\n", "not_storable"),
    "csv binary": ("a.csv", lambda: b"text\n\x00\xff\xfe\x81", "not_text"),
}
LIMITS = IntakeLimits(
    max_line_bytes=MEBIBYTE, max_file_bytes=MEBIBYTE, max_unpacked_bytes=8 * MEBIBYTE, max_pages=5, reader_cpu_s=1
)


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_one_refusal_and_its_neighbour_is_read(tmp_path: Path, case: str) -> None:
    """One bad file is one refusal of the code the guide tells, which can be stored, and the next file is read."""
    name, content, code = FILES[case]
    (tmp_path / name).write_bytes(content())
    (tmp_path / "z.txt").write_text("neighbour")
    taken_in = take_in(tmp_path, limits=LIMITS)
    assert taken_in.codes == [code]
    assert taken_in.ids == ["z.txt"]
    with Spool(tmp_path / "spool") as spool:
        spool.fill(taken_in.outcomes)
        assert list(spool.refusals()) == taken_in.refusals


def test_a_refusal_quotes_nothing_of_the_document(tmp_path: Path) -> None:
    """Reasons go to terminals and logs; the document does not."""
    write_lines(tmp_path / "a.jsonl", b'{"text": "secret words"', {"custom_id": "a", "metadata": {"k": "secret words"}})
    (tmp_path / "b.csv").write_text('text\n"secret words"x\nsecret,words\n')
    taken_in = take_in(tmp_path)
    assert len(taken_in.refusals) == 4
    assert not any("secret" in refusal.reason for refusal in taken_in.refusals)


def test_a_line_of_200_megabytes_is_never_in_memory(tmp_path: Path) -> None:
    """An overlong line is read past, and the lines around it are taken in."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"custom_id": "first", "text": "a"}\n')
        file.truncate(file.tell() + 200 * MEBIBYTE)  # sparse: 200 MiB of NUL
        file.seek(0, os.SEEK_END)
        file.write(b'\n{"custom_id": "last", "text": "b"}\n')
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken_in = take_in(path)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert taken_in.ids == ["first", "last"]
    assert (taken_in.codes, taken_in.refusals[0].line) == (["too_large"], 2)
    assert grown_kib < 64 * 1024


def test_a_named_pipe_in_a_folder_holds_nothing_up(tmp_path: Path) -> None:
    """A pipe nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "a.txt")
    assert take_in(tmp_path).codes == ["unreadable"]


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_accepted_and_refused_are_all_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Whatever the bytes, each line that is not blank is accepted or refused, and counted once."""
    whole = [line.replace(b"\n", b"") for line in lines]
    path = write_lines(tmp_path_factory.mktemp("lines") / "a.jsonl", {"text": "first"}, *whole)
    outcomes = take_in(path).outcomes
    assert len(outcomes) == 1 + sum(not line.isspace() and bool(line) for line in whole)


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_ROW = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("custom_id", "text", "document", "metadata", "expected", "method", "url", "body"), _VALUE),
)


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(_ROW, max_size=5))
def test_any_row_is_taken_in_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    """Rows of any shape give documents that can be spooled, or refusals."""
    folder = tmp_path_factory.mktemp("rows")
    path = write_lines(folder / "a.jsonl", *[json.dumps(row).encode() for row in rows])
    with Spool(folder / "spool") as spool:
        spool.fill(take_in(path).outcomes)
        assert spool.count + spool.refused.total() == len(rows)
        assert len(list(spool)) == spool.count
