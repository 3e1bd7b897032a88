from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.normalisation.text import comparable, fold


@given(st.text())
def test_folding_keeps_every_offset(text: str) -> None:
    """The folded text is as long as the text."""
    assert len(fold(text)) == len(text)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    """Folding is idempotent."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Mr. D.I.Y.", "mr  d i y "),
        ("Crème Brûlée", "creme brulee"),
        ("A\nB\tC\0D", "a b c d"),
        ("fi\N{LATIN SMALL LIGATURE FI}", "fi\N{LATIN SMALL LIGATURE FI}"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}", "a"),
        ("हिंदी", "हिंदी"),
        ("RM9.00", "rm9 00"),
    ],
)
def test_folding_forgets_case_accents_and_punctuation(text: str, folded: str) -> None:
    """Latin accents go; the marks that are vowels in other scripts stay."""
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  Domino's   PIZZA ", "dominos pizza"),
        ("Straße", "strasse"),
        ("\N{LATIN SMALL LIGATURE FI}nance", "finance"),
        ("Cafe\N{COMBINING ACUTE ACCENT}", "cafe"),
        ("...", ""),
    ],
)
def test_comparable_text_is_its_folded_words(text: str, words: str) -> None:
    """Full Unicode folding joins spellings that one character at a time would not."""
    assert comparable(text) == words
