from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.extract import Extract
from producer.documents.formats.pdf import extract
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError
from tests.support.documents import pdf

LIMITS = IntakeLimits(max_pages=3, max_text_chars=20)


def _code(data: bytes) -> RefusalCode:
    with pytest.raises(RefusedInputError) as caught:
        extract(data, LIMITS)
    return caught.value.code


def test_pages_are_parted_by_a_blank_line() -> None:
    """All pages come out in order."""
    assert extract(pdf("one", "two"), LIMITS) == Extract("one\n\ntwo", 2)


def test_pages_without_text_are_counted() -> None:
    """A partly scanned PDF says so."""
    assert extract(pdf("one", "", ""), LIMITS) == Extract("one\n\n\n\n", 3, {"pages_without_text": 2})


def test_a_pdf_without_any_text_is_refused() -> None:
    """A scanned PDF is refused, and OCR named."""
    assert _code(pdf("", "")) is RefusalCode.NO_TEXT_LAYER


def test_an_encrypted_pdf_is_refused() -> None:
    """A PDF under a password is refused."""
    assert _code(pdf("one", password="secret")) is RefusalCode.ENCRYPTED


@pytest.mark.parametrize("data", [b"", b"x", b"%PDF-1.7\n%%EOF", b"<html>"])
def test_what_is_no_pdf_is_refused(data: bytes) -> None:
    """Other bytes under the ending .pdf are refused."""
    assert _code(data) is RefusalCode.MALFORMED


def test_too_many_pages_are_refused() -> None:
    """The number of pages is bounded."""
    assert _code(pdf("a", "b", "c", "d")) is RefusalCode.TOO_LARGE


def test_too_much_text_is_refused() -> None:
    """The length of the text is bounded while it is read."""
    assert _code(pdf("a" * 15, "b" * 15)) is RefusalCode.TOO_LARGE


@settings(deadline=None)  # the first example imports the parser
@given(st.data())
def test_a_damaged_pdf_is_read_or_refused(data: st.DataObject) -> None:
    """No damage raises anything but a refusal."""
    damaged = bytearray(pdf("one", "two"))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=20)):
        damaged[position] = data.draw(st.integers(0, 255))
    with suppress(RefusedInputError):
        extract(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), IntakeLimits())
