"""A file appears under its name when it is complete, and only where a file may stand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from producer.whole_file import whole_file
from routing.errors import UsageError


def test_what_is_no_ordinary_file_is_left_as_it_is(tmp_path: Path) -> None:
    """A device or a pipe of that name is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="no ordinary file"), whole_file(pipe, "The report"):
        pass
    assert pipe.is_fifo()


def test_a_file_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    """What stood there stays, and nothing half written stays beside it."""
    file = tmp_path / "report.html"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(file, "The report") as stream:
        _break_off(stream)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def _break_off(stream: BinaryIO) -> None:
    stream.write(b"new")
    raise ZeroDivisionError
