"""The lines of a byte stream, none longer than a limit in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_SKIP_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class OverlongLine:
    """A line longer than the limit, which was read past and not kept."""

    length_bytes: int


def bounded_lines(file: BinaryIO, max_line_bytes: int) -> Iterator[bytes | OverlongLine]:
    """Yield each line with its line end; an overlong one is told and skipped, and reading goes on after it."""
    readline = file.readline
    at_most = max_line_bytes + 1
    while line := readline(at_most):
        if len(line) <= max_line_bytes or line.endswith(b"\n"):
            yield line
        else:
            yield OverlongLine(len(line) + _skip_to_line_end(file))


def _skip_to_line_end(file: BinaryIO) -> int:
    skipped = 0
    while part := file.readline(_SKIP_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped
