"""Files of lines that nobody meant well with: every line is accepted or refused, in little memory."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pytest

from tests.support.runs import ROOT

MOST_ABOVE_IDLE_MB = 64
"""Three copies of the longest line that is read, 16 MiB, and some."""
MEGABYTE = 1_000_000
LONG = 200 * MEGABYTE


def line(custom_id: str, text: str = "total 9.00") -> bytes:
    """Return a good row."""
    return json.dumps({"custom_id": custom_id, "text": text}, ensure_ascii=False).encode()


def lines(*rows: bytes, end: bytes = b"\n") -> Callable[[BinaryIO], None]:
    """Return what writes these rows, each with its line end."""
    return lambda file: file.writelines(row + end for row in rows)


def encoded(encoding: str, *rows: bytes) -> Callable[[BinaryIO], None]:
    """Return what writes these rows in another encoding."""
    text = "".join(f"{row.decode()}\n" for row in rows)
    return lambda file: file.writelines([text.encode(encoding)])


def long_line(head: bytes, unit: bytes, tail: bytes) -> Callable[[BinaryIO], None]:
    """Return what writes a line of 200 MB between two good ones."""

    def write(file: BinaryIO) -> None:
        file.write(line("first") + b"\n" + head)
        file.writelines(unit * (MEGABYTE // len(unit)) for _ in range(LONG // MEGABYTE))
        file.write(tail + b"\n" + line("last") + b"\n")

    return write


@dataclass(frozen=True)
class Corpus:
    """A file, what is accepted of it, and the codes of what is refused by line."""

    write: Callable[[BinaryIO], None]
    accepted: tuple[str, ...] | int = ()
    refused: Mapping[int | None, str] = field(default_factory=dict)


ACUTE = line("a", "Café")
CORPORA: dict[str, Corpus] = {
    "malformed": Corpus(
        lines(b'{"text": "a"', line("a"), b"text", b"{'text': 'a'}", b'{"text": "a",}', b'{"text": NaN}', line("b")),
        ("a", "b"),
        dict.fromkeys((1, 3, 4, 5, 6), "malformed"),
    ),
    "no object": Corpus(
        lines(b"[]", b'"text"', b"9", b"null", b"true", line("a")), ("a",), dict.fromkeys(range(1, 6), "invalid_row")
    ),
    "a mark": Corpus(lines(codecs.BOM_UTF8 + line("a"), line("b")), ("a", "b")),
    "a mark on every line": Corpus(
        lines(codecs.BOM_UTF8 + line("a"), codecs.BOM_UTF8 + line("b"), codecs.BOM_UTF8), ("a", "b"), {3: "malformed"}
    ),
    "marks without end": Corpus(lines(line("a"), codecs.BOM_UTF8 * 100_000, line("b")), ("a", "b"), {2: "not_text"}),
    "utf-16": Corpus(encoded("utf-16", ACUTE, line("b")), ("a", "b")),
    "utf-16, big first": Corpus(
        lambda file: file.writelines([codecs.BOM_UTF16_BE, (ACUTE + b"\n").decode().encode("utf-16-be")]), ("a",)
    ),
    "utf-16 without a mark": Corpus(encoded("utf-16-le", line("a")), (), {1: "malformed", 2: "malformed"}),
    "mixed encodings": Corpus(
        lines(ACUTE, ACUTE.decode().encode("cp1252"), line("b"), ACUTE.decode().encode("utf-16-be"), line("c")),
        ("a", "b", "c"),
        {2: "not_text", 4: "not_text"},
    ),
    "nul": Corpus(
        lines(
            line("a"),
            b"\0\0\0",
            line("b")[:-1] + b"\0}",
            rb'{"text": "a\u0000"}',
            rb'{"text": "a", "metadata": {"\u0000": 1}}',
        ),
        ("a",),
        {2: "malformed", 3: "malformed", 4: "not_storable", 5: "not_storable"},
    ),
    "half a pair": Corpus(
        lines(rb'{"text": "\ud800"}', b'{"text": "\xed\xa0\x80"}', line("a")),
        ("a",),
        {1: "not_storable", 2: "not_text"},
    ),
    "a line of 200 MB": Corpus(long_line(b'{"text": "', b"x", b'"}'), ("first", "last"), {2: "too_large"}),
    "200 MB of objects": Corpus(
        long_line(b'{"text": "a", "metadata": [', b'{"a":[]},', b"1]}"), ("first", "last"), {2: "too_large"}
    ),
    "100 000 brackets": Corpus(
        lines(
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"text": "a", "metadata": ' + b'{"a":' * 100_000,
            line("a"),
        ),
        ("a",),
        dict.fromkeys((1, 2, 3), "malformed"),
    ),
    "brackets within bounds": Corpus(
        lines(b'{"text": "a", "metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 201), (), {1: "not_storable"}
    ),
    "an id twice": Corpus(
        lines(line("a"), line("a", "other"), b'{"custom_id": "b", "custom_id": "a", "text": "t"}', line("b")),
        ("a", "b"),
        {2: "duplicate_id", 3: "duplicate_id"},
    ),
    "an id that was given by place": Corpus(
        lines(b'{"text": "a"}', line("an id that was given by place.jsonl:1")),
        ("an id that was given by place.jsonl:1",),
        {2: "duplicate_id"},
    ),
    "crlf": Corpus(lines(line("a"), line("b"), b"", line("c"), end=b"\r\n"), ("a", "b", "c")),
    "no line end": Corpus(lambda file: file.writelines([line("a"), b"\n", line("b")]), ("a", "b")),
    "carriage returns alone": Corpus(lines(line("a"), line("b"), end=b"\r"), (), {1: "malformed"}),
    "empty": Corpus(lines(), ()),
    "blank": Corpus(lines(b"", b" ", b"\t", b"\r"), ()),
    "only a mark": Corpus(lambda file: file.writelines([codecs.BOM_UTF8]), ()),
    "random bytes": Corpus(lines(*(bytes(range(11, 256)) for _ in range(3))), (), dict.fromkeys((1, 2, 3), "not_text")),
    "many": Corpus(lines(*(line(str(number), "x" * 1_000) for number in range(50_000))), 50_000),
    "many refused": Corpus(
        lines(*([b'{"text": "' + b"x" * 1_000] * 50_000)), (), dict.fromkeys(range(1, 50_001), "malformed")
    ),
}


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process of its own makes of all these files."""
    folder = tmp_path_factory.mktemp("corpora")
    for name, corpus in CORPORA.items():
        with (folder / f"{name}.jsonl").open("wb") as file:
            corpus.write(file)
    command = [sys.executable, "-m", "tests.support.taking_in", *(str(folder / f"{name}.jsonl") for name in CORPORA)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=100).stdout
    for name in ("a line of 200 MB", "200 MB of objects"):
        os.truncate(folder / f"{name}.jsonl", 0)
    read: dict[str, Any] = json.loads(told)
    return read


@pytest.mark.parametrize("name", CORPORA)
def test_each_line_is_accepted_or_refused(taken_in: dict[str, Any], name: str) -> None:
    """None is dropped, none counts twice, and each refusal tells its line and its one code."""
    corpus, told = CORPORA[name], taken_in[f"{name}.jsonl"]
    assert dict(told["refused"]) == corpus.refused
    assert len(told["refused"]) == len(corpus.refused)
    if isinstance(corpus.accepted, int):
        assert len(told["accepted"]) == corpus.accepted
    else:
        assert tuple(told["accepted"]) == corpus.accepted


@pytest.mark.parametrize("name", CORPORA)
def test_no_file_takes_much_memory(taken_in: dict[str, Any], name: str) -> None:
    """Neither a line of 200 MB nor 50 000 lines are ever in memory at once."""
    assert taken_in[f"{name}.jsonl"]["peak_mb"] < MOST_ABOVE_IDLE_MB
