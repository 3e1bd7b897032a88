"""Everything read and checked before anything is submitted, kept on disk in between."""

from __future__ import annotations

import io
import os
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Self

import orjson

from producer.documents.refusal import Refusal, RefusalCode
from routing.document import Document
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1024 * 1024
REFUSED_NAME = "refused.jsonl"


class Spool:
    """Takes in outcomes of the intake, then gives the documents back in order, as often as asked.

    Documents wait in a nameless file in `directory`, which is gone when the process ends, however it ends. Refusals are
    written to `refused.jsonl` there, which stays; there is no such file where nothing was refused. Both are readable by
    their owner only. Raises UsageError where they cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.refused_path = directory / REFUSED_NAME
        self.refused: Counter[RefusalCode] = Counter()
        self.count = 0
        self._hash = sha256()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.refused_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            self._refusals = os.fdopen(descriptor, "wb", buffering=_BLOCK_BYTES)
            self._documents = tempfile.TemporaryFile(dir=directory, buffering=_BLOCK_BYTES)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise _unwritable(directory, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._documents, self._refusals):
            with suppress(OSError):  # a full disk was told when it was written to
                file.close()
        if not self.refused:
            self.refused_path.unlink(missing_ok=True)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 over all documents in order, in hex: equal for equal content, wherever it was read from."""
        return self._hash.hexdigest()

    def fill(self, outcomes: Iterable[Document | Refusal]) -> None:
        """Take in outcomes until they end."""
        write, update = self._documents.write, self._hash.update
        dumps, options = orjson.dumps, orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        try:
            for outcome in outcomes:
                if isinstance(outcome, Refusal):
                    self.refused[outcome.code] += 1
                    self._refusals.write(dumps(asdict(outcome), option=options))
                    continue
                line = dumps(
                    (outcome.custom_id, outcome.text, outcome.metadata, outcome.expected, outcome.pages), option=options
                )
                write(line)
                update(line)
                self.count += 1
            self._documents.flush()
            self._refusals.flush()
        except OSError as error:
            raise _unwritable(self.refused_path.parent, error) from error

    def __iter__(self) -> Iterator[Document]:
        for line in io.BufferedReader(_FromStart(self._documents.fileno()), _BLOCK_BYTES):
            custom_id, text, metadata, expected, pages = orjson.loads(line)
            yield Document(custom_id, text, metadata, expected, pages)

    def refusals(self) -> Iterator[Refusal]:
        """Yield all refusals in order."""
        with self.refused_path.open("rb") as file:
            for line in file:
                values = orjson.loads(line)
                yield Refusal(**{**values, "code": RefusalCode(values["code"])})


class _FromStart(io.RawIOBase):
    """Reads a file from its start without moving its position, so that several readers do not disturb each other."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        block = os.pread(self._descriptor, len(view), self._offset)
        view[: len(block)] = block
        self._offset += len(block)
        return len(block)


def _unwritable(directory: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The folder {directory} cannot be written: {error.strerror}.", "Free some space or name another."
    )
