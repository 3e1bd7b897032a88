from __future__ import annotations

import io
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.lines import OverlongLine, bounded_lines


def test_lines_keep_their_ends() -> None:
    """Lines come out as they are, the last one with or without its end."""
    assert list(bounded_lines(io.BytesIO(b"a\n\nb"), 10)) == [b"a\n", b"\n", b"b"]


def test_an_overlong_line_is_told_and_reading_goes_on_after_it() -> None:
    """An overlong line is told with its length, and the next one is read."""
    assert list(bounded_lines(io.BytesIO(b"x" * 200_000 + b"\nok\n"), 10)) == [OverlongLine(200_001), b"ok\n"]


def test_an_overlong_last_line_is_told() -> None:
    """An overlong line may be the last one, without an end."""
    assert list(bounded_lines(io.BytesIO(b"x" * 50), 10)) == [OverlongLine(50)]


def test_an_overlong_line_is_never_in_memory() -> None:
    """A line of 64 MiB takes less than 1 MiB."""

    class Endless(io.RawIOBase):
        left = 64 * 1024 * 1024

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            taken = min(self.left, len(buffer))
            buffer[:taken] = b"x" * taken
            self.left -= taken
            return taken

    file = io.BufferedReader(Endless())
    tracemalloc.start()
    assert list(bounded_lines(file, 100_000)) == [OverlongLine(64 * 1024 * 1024)]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1024 * 1024


@settings(deadline=None)  # the first example imports the parser
@given(st.lists(st.integers(min_value=0, max_value=30)), st.booleans())
def test_every_line_is_told_once(lengths: list[int], ends: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """As many outcomes as lines, and the lengths add up."""
    data = b"".join(b"x" * length + b"\n" for length in lengths) + (b"" if ends else b"y")
    outcomes = list(bounded_lines(io.BytesIO(data), 10))
    assert len(outcomes) == len(data.splitlines())
    assert sum(o.length_bytes if isinstance(o, OverlongLine) else len(o) for o in outcomes) == len(data)
