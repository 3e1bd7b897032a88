from __future__ import annotations

from producer.documents.extract import Extract
from producer.documents.formats.text import extract
from producer.documents.limits import IntakeLimits


def test_line_ends_are_made_alike() -> None:
    """Windows' and old Mac line ends become newlines."""
    assert extract(b"a\r\nb\rc\n", IntakeLimits()) == Extract("a\nb\nc\n")


def test_a_guessed_encoding_is_in_the_metadata() -> None:
    """Whoever reads the result can see that the encoding was guessed."""
    assert extract("Café".encode("cp1252"), IntakeLimits()) == Extract("Café", metadata={"guessed_encoding": "cp1252"})
