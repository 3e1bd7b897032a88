from __future__ import annotations

import io
import zipfile

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.extract import Extract
from producer.documents.formats.docx import extract
from producer.documents.frames import read_frame, write_frame
from producer.documents.limited_process import request, serve
from producer.documents.limits import MEBIBYTE, IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError
from tests.support.documents import saved, with_part, word, word_with_body

BOX = "<w:p><w:r><w:t>box</w:t></w:r></w:p>"


def _text(data: bytes) -> str:
    return extract(data, IntakeLimits()).text


def _code(data: bytes, limits: IntakeLimits | None = None) -> RefusalCode:
    with pytest.raises(RefusedInputError) as caught:
        extract(data, limits or IntakeLimits())
    return caught.value.code


def test_paragraphs_are_lines() -> None:
    """Each paragraph is a line."""
    assert extract(word("one", "two"), IntakeLimits()) == Extract("one\ntwo")


def test_headers_tables_and_footers_are_read_in_order() -> None:
    """Header, body with its tables, footer: the order of the page."""
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "ACME Ltd"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    document.add_paragraph("Invoice")
    table = document.add_table(rows=2, cols=2)
    for cell, value in zip(table._cells, ("item", "price", "tea", "3.50"), strict=True):
        cell.text = value
    document.add_paragraph("Thank you")
    assert _text(saved(document)) == "ACME Ltd\nInvoice\nitem\tprice\ntea\t3.50\nThank you\nPage 1"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>a</w:t></w:r></w:p>", "a"),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>form</w:t></w:r></w:p></w:sdtContent></w:sdt>", "form"),
        (
            "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
            "new",
        ),
        (
            f"<w:p><mc:AlternateContent><mc:Choice>{BOX}</mc:Choice><mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent></w:p>",
            "box",
        ),
        (
            f"<w:tbl><w:tr><w:tc>{BOX}</w:tc><w:tc><w:tbl><w:tr><w:tc>{BOX}</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>",
            "box\tbox",
        ),
    ],
)
def test_text_is_found_wherever_word_puts_it(body: str, text: str) -> None:
    """Tabs, breaks, content controls, insertions, text boxes and nested tables are read; what is deleted is not."""
    assert _text(word_with_body(body)) == text


def test_a_document_under_a_password_is_refused() -> None:
    """Word keeps what is encrypted in another container."""
    assert _code(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600) is RefusalCode.ENCRYPTED


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        word("a")[:-40],
        _zip("a.txt", b"a"),
        with_part(word("a"), "word/document.xml", b"<w:document"),
        with_part(word("a"), "[Content_Types].xml", b"<Types/>"),
        with_part(word("a"), "extra", b"x", zipfile.ZIP_BZIP2),
    ],
)
def test_what_is_no_word_document_is_refused(data: bytes) -> None:
    """Broken packages, foreign packages and broken XML are refused."""
    assert _code(data) is RefusalCode.MALFORMED


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    """What unpacks to more than allowed is refused by its declared size."""
    bomb = with_part(word("a"), "word/media/image1.png", b"\0" * (8 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE
    assert _code(bomb, IntakeLimits(max_unpacked_bytes=4 * MEBIBYTE)) is RefusalCode.TOO_LARGE


def test_a_zip_bomb_that_lies_about_its_size_is_refused() -> None:
    """A part that declares less than it holds is broken, and never unpacked beyond what it declares."""
    size = 8 * MEBIBYTE
    bomb = with_part(word("a"), "word/document.xml", b"<" + b"\0" * size)
    lying = bomb.replace((size + 1).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != bomb
    assert _code(lying, IntakeLimits(max_unpacked_bytes=4 * MEBIBYTE)) is RefusalCode.MALFORMED


def test_an_external_entity_is_not_fetched() -> None:
    """The files of this machine stay out of the text."""
    doctype = '<!DOCTYPE w:document [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    body = "<w:p><w:r><w:t>&file;</w:t></w:r><w:r><w:t>end</w:t></w:r></w:p>"
    assert _text(word_with_body(body, doctype=doctype)) == "end"


def test_an_entity_bomb_is_refused() -> None:
    """Entities that multiply are refused before they do."""
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE w:document [<!ENTITY e0 "boom">{bomb}]>'
    assert _code(word_with_body("<w:p><w:r><w:t>&e9;</w:t></w:r></w:p>", doctype=doctype)) is RefusalCode.MALFORMED


@settings(deadline=None)  # the first example imports the parser
@given(st.data())
def test_a_damaged_document_is_read_or_refused(data: st.DataObject) -> None:
    """No damage leaves the limited process without an answer."""
    damaged = bytearray(word("one", "two"))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=20)):
        damaged[position] = data.draw(st.integers(0, 255))
    write_frame(asked := io.BytesIO(), request(".docx", bytes(damaged), IntakeLimits(reader_cpu_s=100_000)))
    asked.seek(0)
    serve(asked, answered := io.BytesIO())
    answered.seek(0)
    assert read_frame(answered, 1_000_000)
