"""Everything a user may name as input, read into documents, one at a time; what is refused is told, never dropped."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from producer.documents.acceptance import Acceptance, checked_id
from producer.documents.encoding import find_mark
from producer.documents.file_extracts import FileExtracts
from producer.documents.formats.jsonl import read_rows as read_jsonl
from producer.documents.formats.registry import ROW_READERS
from producer.documents.limited_reader import LimitedReader
from producer.documents.limits import IntakeLimits
from producer.documents.opening import open_regular, refused_by_system
from producer.documents.refusal import Refusal, RefusedInputError
from producer.documents.row_documents import RowDocuments
from producer.documents.seen_ids import SeenIds
from producer.documents.sources import STDIN, FoundFile, check_inputs, find_files, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from routing.document import Document
    from routing.json_value import JsonObject
    from routing.label_check import LabelCheck
    from routing.row_reader import RowReader

_STDIN_NAME = "stdin"
_HEAD_BYTES = 4096


def read_documents(
    inputs: Sequence[str | Path],
    rows: RowReader,
    limits: IntakeLimits | None = None,
    labels: Mapping[str, JsonObject] | None = None,
    stdin: BinaryIO | None = None,
    label_check: LabelCheck | None = None,
) -> Iterator[Document | Refusal]:
    """Return the documents of all inputs in order, and a refusal for each file or line that gives none.

    An input is a file, a folder, a pattern, or `-` for `stdin` (default: the process's own). `labels` holds the
    expected outputs of documents that bring none themselves; what these bring is held against `label_check`. Raises
    UsageError at once for an input that is not there.
    """
    check_inputs(inputs)
    limits = limits or IntakeLimits()

    def acceptance(seen: SeenIds) -> Acceptance:
        return Acceptance(seen, labels or {}, limits.max_text_chars, label_check)

    return _read_all([str(item) for item in inputs], rows, limits, acceptance, stdin or sys.stdin.buffer)


def _read_all(
    inputs: Sequence[str],
    rows: RowReader,
    limits: IntakeLimits,
    acceptance: Callable[[SeenIds], Acceptance],
    stdin: BinaryIO,
) -> Iterator[Document | Refusal]:
    with SeenIds() as seen, LimitedReader(limits) as reader:
        intake = _Intake(rows, limits, acceptance(seen), FileExtracts(reader, limits))
        for given in inputs:
            if given == STDIN:
                yield from intake.read_stdin(stdin)
                continue
            for found in find_files(given):
                if isinstance(found, Refusal):
                    yield found
                else:
                    yield from intake.read_file(found)


class _Intake:
    def __init__(self, rows: RowReader, limits: IntakeLimits, acceptance: Acceptance, files: FileExtracts) -> None:
        self._rows = rows
        self._limits = limits
        self._acceptance = acceptance
        self._files = files

    def read_file(self, found: FoundFile) -> Iterator[Document | Refusal]:
        if found.ending not in ROW_READERS:
            yield self._read_one(found)
            return
        source = shown(found.path)
        documents = RowDocuments(self._rows, self._acceptance, self._files, found.name, found.path.parent)
        read_rows = import_module(ROW_READERS[found.ending]).read_rows
        try:
            with open_regular(found.path, follow_link=found.named) as file:
                for row in read_rows(file, self._limits):
                    yield documents.read(row, source)
        except (RefusedInputError, OSError) as error:
            yield _refusal(source, error)

    def _read_one(self, found: FoundFile) -> Document | Refusal:
        custom_id = None
        try:
            custom_id = checked_id(found.name)
            with open_regular(found.path, follow_link=found.named) as file:
                return self._acceptance.accept(custom_id, self._files.extract(file, found.ending))
        except (RefusedInputError, OSError) as error:
            return _refusal(shown(found.path), error, custom_id)

    def read_stdin(self, stdin: BinaryIO) -> Iterator[Document | Refusal]:
        documents = RowDocuments(self._rows, self._acceptance, self._files, _STDIN_NAME, None)
        try:
            head = stdin.read(_HEAD_BYTES)
            if _begins_with_object(head):
                for row in read_jsonl(stdin, self._limits, head):
                    yield documents.read(row, _STDIN_NAME)
            else:
                yield self._acceptance.accept(_STDIN_NAME, self._files.extract(stdin, ".txt", head))
        except (RefusedInputError, OSError) as error:
            yield _refusal(_STDIN_NAME, error)


def _refusal(source: str, error: RefusedInputError | OSError, custom_id: str | None = None) -> Refusal:
    """Return the refusal of a whole source, whose reading an error ended."""
    refused = refused_by_system(error) if isinstance(error, OSError) else error
    return Refusal(source, None, refused.code, refused.reason, custom_id)


def _begins_with_object(head: bytes) -> bool:
    encoding, length = find_mark(head) or ("utf-8", 0)
    return head[length:].decode(encoding, "ignore").lstrip().startswith("{")
