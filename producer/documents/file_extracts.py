"""The text of one file of any format that holds one document."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from producer.documents.formats.registry import ENDINGS, LIMITED_READERS, PLAIN_READERS
from producer.documents.opening import read_bounded
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from typing import BinaryIO

    from producer.documents.extract import Extract
    from producer.documents.limited_reader import LimitedReader
    from producer.documents.limits import IntakeLimits


class FileExtracts:
    """Reads plain formats here and hostile ones in the limited process."""

    def __init__(self, reader: LimitedReader, limits: IntakeLimits) -> None:
        self._reader = reader
        self._limits = limits

    def extract(self, file: BinaryIO, ending: str, head: bytes = b"") -> Extract:
        """Return the file's text; `head` is what was already read of it. Raises RefusedInputError."""
        if ending not in PLAIN_READERS and ending not in LIMITED_READERS:
            raise RefusedInputError(
                RefusalCode.UNKNOWN_FORMAT,
                f"files ending in {ending!r} are not read as one document; {', '.join(ENDINGS)} are known",
            )
        data = read_bounded(file, self._limits.max_file_bytes, head)
        if ending in LIMITED_READERS:
            return self._reader.extract(data, ending)
        extract: Extract = import_module(PLAIN_READERS[ending]).extract(data, self._limits)
        return extract
