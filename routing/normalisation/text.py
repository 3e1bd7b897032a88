"""Text by its words: case, accents, punctuation, width and spacing do not count."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SEPARATOR_CATEGORIES = "ZPSC"  # spaces, punctuation, symbols, controls; letters, numbers and marks stay
_APOSTROPHES = str.maketrans("", "", "'\N{RIGHT SINGLE QUOTATION MARK}`")
_FIRST_LATIN_MARK, _LAST_LATIN_MARK = 0x300, 0x36F


def _fold_letter(character: str) -> str:
    """Fold to one character: lower case, no accent, an ASCII digit; what has no such form stays."""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    letters = "".join(part for part in unicodedata.normalize("NFKD", character) if not _is_latin_mark(part)).lower()
    return letters if len(letters) == 1 else character


def _fold_character(character: str) -> str:
    if unicodedata.category(character)[0] in _SEPARATOR_CATEGORIES or _is_latin_mark(character):
        return " "
    return _fold_letter(character)


def _is_latin_mark(character: str) -> bool:
    return _FIRST_LATIN_MARK <= ord(character) <= _LAST_LATIN_MARK


class _Folding(dict[int, int]):
    """Code point to folded code point, worked out when it is first met."""

    def __init__(self, fold_one: Callable[[str], str]) -> None:
        super().__init__((code, ord(fold_one(chr(code)))) for code in range(128))
        self._fold_one = fold_one

    def __missing__(self, code: int) -> int:
        folded = self[code] = ord(self._fold_one(chr(code)))
        return folded


_LETTERS = _Folding(_fold_letter)
_CHARACTERS = _Folding(_fold_character)


def fold_letters(text: str) -> str:
    """Fold each character by itself: lower case, no Latin accent, ASCII digits; punctuation and spacing stay.

    The result is as long as `text`, so that an offset in one is an offset in the other. A character that folds to
    several (a ligature, the sharp s) stays as it is.
    """
    return text.lower() if text.isascii() else text.translate(_LETTERS)


def fold(text: str) -> str:
    """Fold as `fold_letters` does, with a space for whatever is no letter, digit or mark; as long as `text` too."""
    return text.translate(_CHARACTERS)


def comparable(text: str) -> str:
    """Return the words of `text`, folded, with one space between them; apostrophes are dropped, not separators.

    Full Unicode folding (NFKC and case folding) comes first, so that ligatures and the sharp s meet their spelling.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(fold(text.translate(_APOSTROPHES)).split())
