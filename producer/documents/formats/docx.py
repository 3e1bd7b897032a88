"""The text of a Word document: headers, body, footers, in reading order, table cells parted by tabs."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import docx
from docx.opc.exceptions import PackageNotFoundError

from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.oxml.xmlchemy import BaseOxmlElement

    from producer.documents.limits import IntakeLimits

_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")  # the container of .doc, and of .docx under a password
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH, _TABLE, _ROW, _CELL, _TEXT = (f"{_WORD}{name}" for name in ("p", "tbl", "tr", "tc", "t"))
_BREAKS = {f"{_WORD}tab": "\t", f"{_WORD}br": "\n", f"{_WORD}cr": "\n", f"{_WORD}noBreakHyphen": "-"}
# The older drawing of a text box, beside the newer one with the same words; and tab stops, which look like tabs.
_UNREAD = {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback", f"{_WORD}pPr"}
_MAX_PARTS = 10_000


def extract(data: bytes, limits: IntakeLimits) -> Extract:
    """Return the text. Footnotes, comments and deleted text are left out.

    Raises RefusedInputError for a file that is broken, encrypted, or unpacks to more than `limits` allow. External
    entities are never fetched and internal ones never expanded.
    """
    _check_package(data, limits.max_unpacked_bytes)
    try:
        document = docx.Document(io.BytesIO(data))
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, SyntaxError, AttributeError) as error:
        raise RefusedInputError(
            RefusalCode.MALFORMED, "it is not a Word document, or broken; open and save it again"
        ) from error
    headers = [section.header for section in document.sections if not section.header.is_linked_to_previous]
    footers = [section.footer for section in document.sections if not section.footer.is_linked_to_previous]
    roots = [*(header._element for header in headers), document.element.body, *(footer._element for footer in footers)]  # noqa: SLF001 - python-docx offers no other way to a header's XML
    return Extract("\n".join(line for root in roots for line in _lines(root)).strip())


def _check_package(data: bytes, max_unpacked_bytes: int) -> None:
    if data.startswith(_OLE_MARK):
        raise RefusedInputError(
            RefusalCode.ENCRYPTED, "it is encrypted, or an old .doc; save it as .docx without a password first"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RefusedInputError(
            RefusalCode.MALFORMED, "it is not a Word document, or broken; open and save it again"
        ) from error
    # zipfile never unpacks more of a part than its declared size, so the declared sizes bound the real ones.
    unpacked_bytes = sum(part.file_size for part in parts)
    if unpacked_bytes > max_unpacked_bytes or len(parts) > _MAX_PARTS:
        raise RefusedInputError(
            RefusalCode.TOO_LARGE,
            f"it unpacks to {unpacked_bytes} bytes in {len(parts)} parts; {max_unpacked_bytes} bytes are allowed",
        )
    # The size bound holds for deflate only: zipfile unpacks a whole block of the others at once.
    if any(part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for part in parts):
        raise RefusedInputError(RefusalCode.MALFORMED, "it is packed in a way Word never does; open and save it again")


def _lines(element: BaseOxmlElement) -> Iterator[str]:
    """Yield the lines below an element. Recursion is bounded: the parser allows 256 levels."""
    for child in element.iterchildren("*"):
        if child.tag == _PARAGRAPH:
            yield _paragraph(child)
        elif child.tag == _TABLE:
            yield from _rows(child)
        elif child.tag not in _UNREAD:
            yield from _lines(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in table.iter(_ROW):
        if next(row.iterancestors(_TABLE)) is table:  # not a row of a table within this one
            yield "\t".join(" ".join(_lines(cell)) for cell in row.iter(_CELL) if next(cell.iterancestors(_ROW)) is row)


def _paragraph(paragraph: BaseOxmlElement) -> str:
    parts: list[str] = []
    waiting = [paragraph]
    while waiting:
        node = waiting.pop()
        if node.tag in _UNREAD:
            continue
        if node.tag == _TEXT:
            parts.append(node.text or "")
        elif node.tag == _PARAGRAPH and node is not paragraph:  # a text box within the paragraph
            parts.append("\n")
        parts.append(_BREAKS.get(node.tag, ""))
        waiting.extend(node.iterchildren("*", reversed=True))
    return "".join(parts)
