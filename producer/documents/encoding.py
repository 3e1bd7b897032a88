"""Bytes to text: byte order marks, declared encodings, UTF-8, and a guess that is told."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from typing import BinaryIO

# UTF-32 before UTF-16: the little-endian mark of one begins with that of the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LONGEST_MARK = 4

# A declared name is hostile: Python also has codecs that decompress (zip) or need quadratic time (idna).
_DECLARABLE = re.compile(
    r"utf-?(8|16|16le|16be|16-le|16-be)|(us-)?ascii|iso-?8859-\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}"
    r"|koi8-[ru]|shift_jis|euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5|macintosh"
)
# Western single-byte encodings fit the same bytes equally well; browsers, too, take this one where nothing is declared.
_COMMONEST = "cp1252"
_MARKED_ONLY = ["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
_ASCII = bytes(range(128))
_FEWEST_TELLING_BYTES = 6  # with fewer, every encoding fits: "São Paulo" is Big5, too
_WINDOW_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, and the encoding where it was only guessed."""

    text: str
    guessed: str | None = None


def find_mark(head: bytes) -> tuple[str, int] | None:
    """Return the encoding a byte order mark tells and the mark's length, None where there is no mark."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    return None


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode a whole file: by its byte order mark, else as declared, else as UTF-8, else as guessed.

    Raises RefusedInputError where no encoding fits all of it.
    """
    found = find_mark(data[:LONGEST_MARK])
    if found:
        encoding, length = found
        return Decoded(_decode_as(data[length:], encoding))
    if declared and _DECLARABLE.fullmatch(declared.strip().lower()):
        return Decoded(_decode_as(data, declared.strip().lower()))
    try:
        return Decoded(data.decode())
    except UnicodeDecodeError as error:
        guessed = _guess(data[max(0, error.start - _WINDOW_BYTES) : error.start + _WINDOW_BYTES])
    return Decoded(_decode_as(data, guessed), guessed)


def stream_encoding(file: BinaryIO) -> Decoded:
    """Return the encoding of a file too long to hold as `text`, reading it once and leaving it at its start.

    Raises RefusedInputError where it is no text.
    """
    found = find_mark(file.read(LONGEST_MARK))
    file.seek(0)
    if found:
        return Decoded(found[0])
    sample = _sample_around_broken_utf8(file)
    file.seek(0)
    if sample is None:
        return Decoded("utf-8")
    guessed = _guess(sample)
    return Decoded(guessed, guessed)


def _sample_around_broken_utf8(file: BinaryIO) -> bytes | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = b""
    while chunk := file.read(_WINDOW_BYTES):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return before + chunk + file.read(_WINDOW_BYTES)
        before = chunk
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return before
    return None


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise RefusedInputError(
            RefusalCode.NOT_TEXT, f"it is said to be {encoding}, but its bytes are not; save it as UTF-8"
        ) from error


def _guess(sample: bytes) -> str:
    # Imported here: most files are UTF-8 and never need it.
    from charset_normalizer import from_bytes

    if b"\0" in sample:
        raise RefusedInputError(
            RefusalCode.NOT_TEXT, "it holds binary data, or UTF-16 without a byte order mark; save text as UTF-8"
        )
    telling = sample.translate(None, _ASCII)
    if len(telling) < _FEWEST_TELLING_BYTES:
        return _COMMONEST
    matches = from_bytes(sample, cp_exclusion=_MARKED_ONLY)
    best = matches.best()
    if best is None:
        raise RefusedInputError(RefusalCode.NOT_TEXT, "its bytes fit no known text encoding; save it as UTF-8")
    fitting = {encoding for match in matches for encoding in match.could_be_from_charset}
    return _COMMONEST if _COMMONEST in fitting else best.encoding
