from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.utf8_stream import open_utf8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@settings(deadline=None)  # the first example imports the parser
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1, max_size=300))
def test_text_comes_out_as_utf8_without_its_mark(encoding: str, text: str) -> None:
    """Whatever encoding a mark tells, UTF-8 without a mark comes out."""
    assert open_utf8(io.BytesIO(text.encode(encoding))).read() == text.encode()


def test_an_encoding_without_a_mark_is_told_by_the_caller() -> None:
    """The caller's encoding is used where there is no mark."""
    assert open_utf8(io.BytesIO("é;ü\n".encode("cp1252")), "cp1252").readline() == "é;ü\n".encode()


def test_a_head_that_was_already_read_comes_first() -> None:
    """Nothing read before is lost."""
    assert open_utf8(io.BytesIO(b"cd"), head=b"ab").read() == b"abcd"


def test_bytes_outside_the_encoding_spoil_their_own_line_only() -> None:
    """Bytes that do not fit come out as invalid UTF-8, in their own line."""
    first, second = open_utf8(io.BytesIO(b"a\x81b\nok\n"), "cp1252").readlines()
    with pytest.raises(UnicodeDecodeError):
        first.decode()
    assert second == b"ok\n"


def test_a_lone_surrogate_spoils_its_own_line_only() -> None:
    """Half a pair in UTF-16 comes out as invalid UTF-8, in its own line."""
    data = b"\xff\xfe" + "a\ud800\nok\n".encode("utf-16-le", "surrogatepass")
    first, second = open_utf8(io.BytesIO(data)).readlines()
    with pytest.raises(UnicodeDecodeError):
        first.decode()
    assert second == b"ok\n"


def test_a_stream_that_ends_within_a_character_ends_in_invalid_utf8() -> None:
    """A cut character is not dropped silently."""
    assert open_utf8(io.BytesIO(b"\xff\xfea\x00b")).read() == b"a\xff"


def test_a_long_stream_is_read_in_blocks() -> None:
    """A stream longer than one block comes out whole."""
    text = "é" * 200_000
    assert open_utf8(io.BytesIO(text.encode("utf-16"))).read() == text.encode()
