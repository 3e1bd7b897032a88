from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.frames import BrokenFrameError, Frame, read_frame, write_frame


@settings(deadline=None)  # the first example imports the parser
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**63)), st.binary())
def test_a_frame_comes_out_as_it_went_in(header: dict[str, int], body: bytes) -> None:
    """A frame survives the pipe."""
    stream = io.BytesIO()
    write_frame(stream, Frame(header, body))
    stream.seek(0)
    assert read_frame(stream, 1_000_000) == Frame(header, body)
    assert read_frame(stream, 1_000_000) is None


@pytest.mark.parametrize(
    "data",
    [b"\x00", struct.pack(">IQ", 2, 0), struct.pack(">IQ", 2, 5) + b"{}abc", struct.pack(">IQ", 2, 0) + b"{x"],
)
def test_a_cut_or_broken_frame_is_told(data: bytes) -> None:
    """A stream that ends within a frame, or holds none, is told."""
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(data), 100)


def test_a_frame_beyond_the_limit_is_not_read() -> None:
    """A length beyond the limit is told before anything of it is read."""
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(struct.pack(">IQ", 2, 2**60)), 100)
