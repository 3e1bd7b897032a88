"""Documents to read in tests, made on the spot, and the intake asked as users ask it."""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docx
import orjson

from producer.documents.intake import read_documents
from producer.documents.refusal import Refusal
from routing.document import Document
from routing.row_reader import RowReader
from routing.task import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from producer.documents.limits import IntakeLimits
    from routing.json_value import JsonObject


@dataclass(frozen=True)
class TakenIn:
    """What became of some inputs."""

    outcomes: list[Document | Refusal]

    @property
    def documents(self) -> list[Document]:
        return [outcome for outcome in self.outcomes if isinstance(outcome, Document)]

    @property
    def refusals(self) -> list[Refusal]:
        return [outcome for outcome in self.outcomes if isinstance(outcome, Refusal)]

    @property
    def ids(self) -> list[str]:
        return [document.custom_id for document in self.documents]

    @property
    def codes(self) -> list[str]:
        return [refusal.code.value for refusal in self.refusals]


def take_in(
    *inputs: str | Path,
    limits: IntakeLimits | None = None,
    labels: Mapping[str, JsonObject] | None = None,
    stdin: BinaryIO | None = None,
    spec: InputSpec | None = None,
) -> TakenIn:
    """Read inputs to the end."""
    return TakenIn(list(read_documents(inputs, RowReader(spec or InputSpec()), limits, labels, stdin)))


def write_lines(path: Path, *rows: object) -> Path:
    """Write a JSONL file; bytes are written as they are."""
    path.write_bytes(b"".join((row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n" for row in rows))
    return path


def pdf(*pages: str, password: str = "") -> bytes:
    """Return a PDF with one line of text on each page; an empty one stays blank."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fpdf2 calls what its own dependencies deprecate
        from fpdf import FPDF

        document = FPDF()
        document.set_font("helvetica")
        if password:
            document.set_encryption(owner_password=password + "-owner", user_password=password)
        for page in pages:
            document.add_page()
            if page:
                document.cell(text=page)
        return bytes(document.output())


def word(*paragraphs: str) -> bytes:
    """Return a Word document of paragraphs."""
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def saved(document: docx.document.Document) -> bytes:
    """Return the bytes of a python-docx document."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_with_body(xml: str, *, doctype: str = "") -> bytes:
    """Return a Word document whose main part is this body, written by hand."""
    namespaces = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    main = f'<?xml version="1.0"?>{doctype}<w:document {namespaces}><w:body>{xml}</w:body></w:document>'
    return with_part(word(), "word/document.xml", main.encode())


def with_part(package: bytes, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a package with one part replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part.filename, old.read(part))
        new.writestr(name, content)
    return buffer.getvalue()
