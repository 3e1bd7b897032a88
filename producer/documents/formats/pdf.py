"""The text layer of a PDF, page by page.

PDFium is not thread-safe and reads hostile input: run this in the limited process only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pypdfium2

from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producer.documents.limits import IntakeLimits

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY of fpdfview.h
_SECURITY_ERROR = 5
# A font's broken mapping to Unicode yields these; they carry nothing to read.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def extract(data: bytes, limits: IntakeLimits) -> Extract:
    """Return the text of all pages, a blank line between pages.

    Raises RefusedInputError for a PDF that is broken, encrypted, too long, or has no text layer.
    """
    document = _open(data)
    try:
        pages = len(document)
        if pages > limits.max_pages:
            raise RefusedInputError(
                RefusalCode.TOO_LARGE, f"it has {pages} pages; {limits.max_pages} are allowed, split it"
            )
        texts = list(_page_texts(document, limits.max_text_chars))
    finally:
        document.close()
    silent = sum(not text for text in texts)
    if silent == pages:
        raise RefusedInputError(
            RefusalCode.NO_TEXT_LAYER,
            f"none of its {pages} pages has a text layer, it seems to be scanned; run OCR on it first (ocrmypdf, say)",
        )
    return Extract("\n\n".join(texts), pages, {"pages_without_text": silent} if silent else {})


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {_PASSWORD_ERROR, _SECURITY_ERROR}:
            raise RefusedInputError(
                RefusalCode.ENCRYPTED, "it is encrypted; save it without a password first"
            ) from error
        raise RefusedInputError(RefusalCode.MALFORMED, "it is not a PDF, or broken; open and save it again") from error


def _page_texts(document: pypdfium2.PdfDocument, max_chars: int) -> Iterator[str]:
    room = max_chars
    for index in range(len(document)):
        text = _page_text(document, index)
        room -= len(text)
        if room < 0:
            raise RefusedInputError(RefusalCode.TOO_LARGE, f"its text is longer than {max_chars} characters; split it")
        yield text


def _page_text(document: pypdfium2.PdfDocument, index: int) -> str:
    try:
        page = document[index]
        text = page.get_textpage().get_text_bounded()
        page.close()
    except pypdfium2.PdfiumError as error:
        raise RefusedInputError(
            RefusalCode.MALFORMED, f"page {index + 1} is broken; open and save the PDF again"
        ) from error
    # PDFium writes U+0002 for a hyphen at the end of a line, whose halves it has joined.
    lines = text.replace("\x02", "-").replace("\r\n", "\n").replace("\r", "\n")
    return _UNREADABLE.sub("", lines).strip()
