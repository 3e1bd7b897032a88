from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from producer.documents import limited_reader
from producer.documents.limited_reader import LimitedReader
from producer.documents.limits import MEBIBYTE, IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError
from routing.errors import UsageError
from tests.support.documents import pdf

if TYPE_CHECKING:
    from pathlib import Path

ENDLESS_HTML = b"<div>" * 400_000  # the parser takes minutes for it: its time grows with the square of the depth


def _process(reader: LimitedReader) -> subprocess.Popen[bytes]:
    assert reader._process is not None
    return reader._process


def _refusal(reader: LimitedReader, data: bytes, ending: str) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as caught:
        reader.extract(data, ending)
    return caught.value


def test_one_process_reads_many_files_and_ends_with_the_reader() -> None:
    """The process is started once, reused, and gone afterwards."""
    with LimitedReader(IntakeLimits()) as reader:
        assert reader.extract(pdf("one", "two"), ".pdf").text == "one\n\ntwo"
        process = _process(reader)
        assert reader.extract("<p>drei für vier".encode(), ".html").text == "drei für vier"
        assert _refusal(reader, b"no pdf", ".pdf").code is RefusalCode.MALFORMED
        assert _process(reader) is process
    assert process.returncode is not None


def test_nothing_is_started_for_nothing() -> None:
    """Without such a file there is no process."""
    with LimitedReader(IntakeLimits()) as reader:
        assert reader._process is None


def test_a_file_that_takes_too_long_is_refused_and_the_next_one_is_read() -> None:
    """The wall clock ends a file, and a new process reads the next."""
    with LimitedReader(IntakeLimits(reader_timeout_s=0.5)) as reader:
        refused = _refusal(reader, ENDLESS_HTML, ".html")
        assert refused.code is RefusalCode.TOO_COSTLY
        assert "0.5 s" in refused.reason
    with LimitedReader(IntakeLimits(reader_timeout_s=20, reader_cpu_s=1)) as reader:
        assert "processor time" in _refusal(reader, ENDLESS_HTML, ".html").reason
        assert reader.extract(b"<p>next", ".html").text == "next"


def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    """Memory is bounded, whatever the parser does with its end."""
    with LimitedReader(IntakeLimits(reader_memory_bytes=160 * MEBIBYTE)) as reader:
        assert _refusal(reader, b"<p>x</p>" * 2_000_000, ".html").code is RefusalCode.TOO_COSTLY
        assert reader.extract(b"<p>next", ".html").text == "next"


def test_a_process_that_is_killed_between_two_files_costs_one_refusal() -> None:
    """A process that ended by itself is told, and started anew."""
    with LimitedReader(IntakeLimits()) as reader:
        reader.extract(b"<p>one", ".html")
        os.kill(_process(reader).pid, signal.SIGKILL)
        assert _refusal(reader, b"<p>two", ".html").code is RefusalCode.TOO_COSTLY
        assert reader.extract(b"<p>three", ".html").text == "three"


def test_a_process_is_replaced_after_many_files() -> None:
    """What leaks is bounded by the number of files a process reads."""
    with LimitedReader(IntakeLimits()) as reader:
        reader.extract(b"<p>one", ".html")
        first = _process(reader)
        for _ in range(limited_reader._FILES_PER_PROCESS):
            reader.extract(b"<p>more", ".html")
        assert _process(reader) is not first


def test_a_process_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no process, the user is told."""
    monkeypatch.setattr(limited_reader.sys, "executable", str(tmp_path / "missing"))
    with LimitedReader(IntakeLimits()) as reader, pytest.raises(UsageError, match="cannot be started"):
        reader.extract(b"x", ".html")


def test_the_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the user is not in the process that reads hostile files."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with LimitedReader(IntakeLimits()) as reader:
        reader.extract(b"<p>x", ".html")
        with open(f"/proc/{_process(reader).pid}/environ", "rb") as file:  # noqa: PTH123 - no path of ours
            assert b"secret" not in file.read()
