# ruff: noqa: RUF001 - words in other scripts are the point here
from __future__ import annotations

import codecs
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.encoding import Decoded, decode, find_mark, stream_encoding
from producer.documents.refusal import RefusalCode, RefusedInputError

CAFE = "Café Zürich, Straße 12, 3 € für Äpfel und Öl, à la carte, naïve façade, Übergröße"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding_and_is_removed(encoding: str) -> None:
    """A byte order mark tells the encoding, and is no part of the text."""
    assert decode(CAFE.encode(encoding)) == Decoded(CAFE)


def test_big_endian_utf16_is_known_by_its_mark() -> None:
    """Big-endian UTF-16 is known by its mark."""
    assert decode(codecs.BOM_UTF16_BE + CAFE.encode("utf-16-be")).text == CAFE


def test_a_file_without_a_mark_is_utf8() -> None:
    """UTF-8 is not a guess."""
    assert decode(CAFE.encode()) == Decoded(CAFE)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CAFE, "cp1252"),
        ("Café", "cp1252"),
        ("São Paulo", "cp1252"),
        ("Köln", "cp1252"),
        ("Reçu\n172 Bd Saint-Germain\nTotal à payer 8,90 €", "cp1252"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
        ("Счёт № 12\nМосква, ул. Ленина\nИтого: 100 руб", "cp1251"),
        ("Απόδειξη αγοράς\nΑθήνα\nΣύνολο 10", "cp1253"),
        ("領収書\n東京都渋谷区\n合計 1,000円\nありがとうございました", "shift_jis"),
        ("收据\n上海市黄浦区\n合计 100元\n谢谢惠顾", "gb18030"),
    ],
)
def test_what_is_not_utf8_is_guessed_and_told(text: str, encoding: str) -> None:
    """What is not UTF-8 is guessed from its characters, the Western encoding first, and the guess is told."""
    decoded = decode(text.encode(encoding))
    assert decoded.text == text
    assert decoded.guessed is not None


def test_a_declared_encoding_wins_over_utf8() -> None:
    """A declared encoding is believed."""
    assert decode(CAFE.encode("cp1252"), declared=" Windows-1252 ") == Decoded(CAFE)


def test_a_byte_order_mark_wins_over_a_declared_encoding() -> None:
    """A byte order mark wins over what is declared."""
    assert decode(CAFE.encode("utf-8-sig"), declared="cp1252").text == CAFE


@pytest.mark.parametrize("declared", ["zip", "idna", "unicode_escape", "undefined", "../x", "utf-7"])
def test_a_declared_codec_that_is_no_text_encoding_is_ignored(declared: str) -> None:
    """Codecs that decompress, escape or crawl cannot be asked for."""
    assert decode(b"plain", declared=declared).text == "plain"


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xff\xfe\x00\xd8"])
def test_bytes_that_break_their_own_mark_are_refused(data: bytes) -> None:
    """A file that does not keep what its mark promises is refused."""
    with pytest.raises(RefusedInputError) as caught:
        decode(data)
    assert caught.value.code is RefusalCode.NOT_TEXT


def test_a_declared_encoding_python_lacks_is_refused() -> None:
    """An encoding with a plausible name that does not exist is refused, not raised."""
    with pytest.raises(RefusedInputError, match="cp9999"):
        decode(b"x", declared="cp9999")


@pytest.mark.parametrize("data", [b"\x89PNG\x00\x00\xff\xd8\xfe", bytes(range(256)) * 4])
def test_binary_data_is_refused(data: bytes) -> None:
    """Binary data is no text in any encoding."""
    with pytest.raises(RefusedInputError) as caught:
        decode(data)
    assert caught.value.code is RefusalCode.NOT_TEXT


def test_bytes_that_fit_no_encoding_are_refused() -> None:
    """What the guess finds no encoding for is refused."""
    with pytest.raises(RefusedInputError) as caught:
        decode(bytes(range(0x80, 0x100)) * 40 + b"\x81\x8d\x8f\x90\x9d\xff\xfe\x01\x02")
    assert caught.value.code is RefusalCode.NOT_TEXT


@settings(deadline=None)  # the first example imports the parser
@given(st.binary(max_size=2_000))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """No bytes raise anything but a refusal."""
    with suppress(RefusedInputError):
        assert isinstance(decode(data).text, str)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        (b"a,b\n", "utf-8"),
        (codecs.BOM_UTF16_LE + b"a\0", "utf-16-le"),
        ("é".encode() * 40_000, "utf-8"),
    ],
)
def test_the_encoding_of_a_stream_is_found_and_the_stream_is_left_at_its_start(data: bytes, encoding: str) -> None:
    """The encoding of a stream is found, and the stream is left at its start."""
    file = io.BytesIO(data)
    assert stream_encoding(file) == Decoded(encoding)
    assert file.tell() == 0


def test_a_streams_encoding_is_guessed_from_around_its_first_bad_byte() -> None:
    """A character far into the file decides, not only its beginning."""
    file = io.BytesIO(b"plain text, over and over; " * 10_000 + (CAFE * 20).encode("cp1252"))
    found = stream_encoding(file)
    assert CAFE.encode("cp1252").decode(found.text) == CAFE
    assert found.guessed == found.text


def test_a_stream_that_ends_within_a_character_is_guessed() -> None:
    """A stream cut within a character is not UTF-8."""
    assert stream_encoding(io.BytesIO(b"a" * 100 + "é".encode()[:1])).guessed is not None


def test_no_mark_is_none() -> None:
    """Bytes without a mark have none."""
    assert find_mark(b"abc") is None
