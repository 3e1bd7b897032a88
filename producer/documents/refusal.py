"""What is not taken in, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """The stable names of reasons, as written to `refused.jsonl`. Never rename one: add an alias."""

    MALFORMED = "malformed"  # not what the file's ending, or the row's key, promises
    NOT_TEXT = "not_text"  # the bytes are no text in any encoding found
    NOT_STORABLE = "not_storable"  # NUL, lone surrogates, or nesting no database takes
    TOO_LARGE = "too_large"  # a line, file or text beyond a limit
    TOO_COSTLY = "too_costly"  # reading it took too much time or memory, or ended the reader
    EMPTY = "empty"  # no bytes, no rows, or nothing but blanks
    NO_TEXT_LAYER = "no_text_layer"  # a PDF of pictures
    ENCRYPTED = "encrypted"
    MISSING_TEXT = "missing_text"  # the row has neither a text nor a document
    MISSING_LABEL = "missing_label"  # an evaluation needs the expected output of each document
    INVALID_LABEL = "invalid_label"  # it does not fit the task; nothing is submitted with such
    INVALID_ROW = "invalid_row"  # a part of the row has the wrong type, or the task's template fails on it
    INVALID_ID = "invalid_id"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_FORMAT = "unknown_format"
    UNREADABLE = "unreadable"  # missing, no permission, not a regular file, or an error of the disk
    OUTSIDE_FOLDER = "outside_folder"  # a link, or a path that leads out of the folder given


@dataclass(frozen=True, slots=True)
class Refusal:
    """One input that is not taken in.

    `source` is the file as the user knows it, `line` counts from 1 and is None where the whole file is meant.
    `reason` says what is wrong and what to do, and never quotes the document.
    """

    source: str
    line: int | None
    code: RefusalCode
    reason: str
    custom_id: str | None = None


class RefusedInputError(Exception):
    """Ends the reading of one document; the intake turns it into a `Refusal`. It never leaves this package."""

    def __init__(self, code: RefusalCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
