"""JSON Lines: one row a line."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING

import orjson

from producer.documents.lines import OverlongLine, bounded_lines
from producer.documents.refusal import RefusalCode
from producer.documents.row import BadRow, Row
from producer.documents.storable import MAX_DEPTH
from producer.documents.utf8_stream import open_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from producer.documents.limits import IntakeLimits


def read_rows(file: BinaryIO, limits: IntakeLimits, head: bytes = b"") -> Iterator[Row | BadRow]:
    """Yield one row or bad row for each line that is not blank. `head` is what was already read from the file."""
    lines = bounded_lines(open_utf8(file, head=head), limits.max_line_bytes)
    for number, line in enumerate(lines, 1):
        if isinstance(line, OverlongLine):
            yield BadRow(
                number,
                RefusalCode.TOO_LARGE,
                f"the line has {line.length_bytes} bytes; {limits.max_line_bytes} are allowed",
            )
        elif not line.isspace():
            yield _parse(line.removeprefix(BOM_UTF8), number)  # files may be joined that each began with a mark


def _parse(line: bytes, number: int) -> Row | BadRow:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return BadRow(number, *why_not_json(error))
    return Row(number, number, value, plain=is_plain(line))


def is_plain(source: bytes) -> bool:
    """Return whether a JSON text can hold neither NUL nor more than `MAX_DEPTH` levels."""
    return b"\\u0000" not in source and source.count(b"{") + source.count(b"[") < MAX_DEPTH


def why_not_json(error: orjson.JSONDecodeError) -> tuple[RefusalCode, str]:
    """Return the code and the sentence for a JSON text that cannot be parsed."""
    if "UTF-8" in error.msg:
        return RefusalCode.NOT_TEXT, "it is not UTF-8; JSON must be"
    if "surrogate" in error.msg:
        return RefusalCode.NOT_STORABLE, "it holds half a surrogate pair, which is no character"
    return RefusalCode.MALFORMED, f"it is not valid JSON: {error.msg} at character {error.pos + 1}"
