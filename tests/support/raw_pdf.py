"""PDF files written object by object, so that they may be as no program writes them."""

from __future__ import annotations

import zlib

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources " + FONT + b" >>"
TEXT = b"BT /F 12 Tf 10 10 Td (total 9.00) Tj ET"


def raw_pdf(objects: dict[int, bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Return a file of these objects, by number; those of a plain page are there unless they are given."""
    whole = {1: CATALOG, 2: PAGES, 3: PAGE, 4: stream(TEXT)} | objects
    data = bytearray(b"%PDF-1.7\n")
    table = bytearray(b"0000000000 65535 f \n")
    for number in range(1, max(whole) + 1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj\n%b\nendobj\n" % (number, whole.get(number, b"null"))
    start = len(data)
    size = b"%d" % (max(whole) + 1)
    data += b"xref\n0 " + size + b"\n" + table + b"trailer << /Size " + size + b" " + trailer + b" >>\n"
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream with its length."""
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), entries, content)


def packed(content: bytes, times: int = 1, entries: bytes = b"") -> bytes:
    """Return a stream that is compressed so many times over."""
    for _ in range(times):
        content = zlib.compress(content, 9)
    return stream(content, b"/Filter [" + b"/FlateDecode " * times + b"] " + entries)
