from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from producer.documents.opening import open_regular, read_bounded
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from pathlib import Path


def _refused(path: Path, *, follow_link: bool = False) -> RefusalCode:
    with pytest.raises(RefusedInputError) as caught:
        open_regular(path, follow_link=follow_link)
    return caught.value.code


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    """A regular file is opened for reading."""
    (tmp_path / "a").write_bytes(b"x")
    with open_regular(tmp_path / "a", follow_link=False) as file:
        assert file.read() == b"x"


def test_a_link_is_followed_only_where_it_was_named(tmp_path: Path) -> None:
    """A link is followed where the user named it, and refused where it was found."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    open_regular(tmp_path / "link", follow_link=True).close()
    assert _refused(tmp_path / "link") is RefusalCode.OUTSIDE_FOLDER


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """A named pipe without a writer does not hold anything up."""
    os.mkfifo(tmp_path / "pipe")
    assert _refused(tmp_path / "pipe") is RefusalCode.UNREADABLE


@pytest.mark.parametrize("name", ["missing", "x" * 300])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    """Errors of the system are refusals."""
    assert _refused(tmp_path / name) is RefusalCode.UNREADABLE


@pytest.mark.parametrize(("length", "limit"), [(10, 10), (700_000, 700_000)])
def test_a_file_within_its_limit_is_read(length: int, limit: int) -> None:
    """The limit itself is allowed."""
    assert read_bounded(io.BytesIO(b"x" * (length - 1)), limit, head=b"h") == b"h" + b"x" * (length - 1)


def test_a_file_beyond_its_limit_is_refused() -> None:
    """One byte more is refused."""
    with pytest.raises(RefusedInputError) as caught:
        read_bounded(io.BytesIO(b"x" * 10), 10, head=b"h")
    assert caught.value.code is RefusalCode.TOO_LARGE


def test_an_empty_file_is_refused() -> None:
    """A file without bytes is refused."""
    with pytest.raises(RefusedInputError) as caught:
        read_bounded(io.BytesIO(), 10)
    assert caught.value.code is RefusalCode.EMPTY
