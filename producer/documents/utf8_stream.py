"""A byte stream in any encoding, read as UTF-8, without holding more than a block of it."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING

from producer.documents.encoding import LONGEST_MARK, find_mark

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 64 * 1024
_BROKEN = b"\xff"  # never part of valid UTF-8


def open_utf8(file: BinaryIO, encoding: str | None = None, head: bytes = b"") -> BinaryIO:
    """Return the stream as UTF-8 without its byte order mark.

    `head` is what was already read from it. `encoding` is used where no mark tells one; None means UTF-8. Bytes that do
    not fit the encoding come out as invalid UTF-8, so that they spoil their own line and no other.
    """
    while len(head) < LONGEST_MARK and (more := file.read(LONGEST_MARK - len(head))):
        head += more
    found, length = find_mark(head) or (encoding, 0)
    head = head[length:]
    if found in {None, "utf-8"} and not head:
        return file
    decoder = None if found in {None, "utf-8"} else _decoder(found or "utf-8")
    return io.BufferedReader(_Utf8Stream(file, head, decoder), _BLOCK_BYTES)


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    keeps_surrogates = encoding.startswith(("utf-16", "utf-32"))
    return codecs.getincrementaldecoder(encoding)("surrogatepass" if keeps_surrogates else "surrogateescape")


class _Utf8Stream(io.RawIOBase):
    def __init__(self, file: BinaryIO, head: bytes, decoder: codecs.IncrementalDecoder | None) -> None:
        self._file = file
        self._decoder = decoder
        self._pending = self._as_utf8(head, final=False)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._pending and not self._ended:
            block = self._file.read(_BLOCK_BYTES)
            self._ended = not block
            self._pending = self._as_utf8(block, final=self._ended)
        view = memoryview(buffer).cast("B")
        taken = self._pending[: len(view)]
        view[: len(taken)] = taken
        self._pending = self._pending[len(taken) :]
        return len(taken)

    def _as_utf8(self, block: bytes, *, final: bool) -> bytes:
        if self._decoder is None:
            return block
        try:
            return self._decoder.decode(block, final=final).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self._decoder.reset()
            return _BROKEN
