"""Text by its words: case, accents, punctuation, width and spacing do not count."""

from __future__ import annotations

import unicodedata

_SEPARATOR_CATEGORIES = "ZPSC"  # spaces, punctuation, symbols, controls; letters, numbers and marks stay
_APOSTROPHES = str.maketrans("", "", "'\N{RIGHT SINGLE QUOTATION MARK}`")
_FIRST_LATIN_MARK, _LAST_LATIN_MARK = 0x300, 0x36F


class _Folding(dict[int, int]):
    """Code point to folded code point, worked out when it is first met."""

    def __missing__(self, code: int) -> int:
        folded = self[code] = ord(_fold_character(chr(code)))
        return folded


def _fold_character(character: str) -> str:
    if unicodedata.category(character)[0] in _SEPARATOR_CATEGORIES or _is_latin_mark(character):
        return " "
    letters = "".join(part for part in unicodedata.normalize("NFKD", character) if not _is_latin_mark(part)).lower()
    return letters if len(letters) == 1 else character


def _is_latin_mark(character: str) -> bool:
    return _FIRST_LATIN_MARK <= ord(character) <= _LAST_LATIN_MARK


_FOLDING = _Folding({code: ord(_fold_character(chr(code))) for code in range(128)})


def fold(text: str) -> str:
    """Fold each character by itself: lower case, no Latin accent, a space for whatever is no letter, digit or mark.

    The result is as long as `text`, so that an offset in one is an offset in the other. A character that folds to
    several (a ligature, the sharp s) stays as it is.
    """
    return text.translate(_FOLDING)


def comparable(text: str) -> str:
    """Return the words of `text`, folded, with one space between them; apostrophes are dropped, not separators.

    Full Unicode folding (NFKC and case folding) comes first, so that ligatures and the sharp s meet their spelling.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(fold(text.translate(_APOSTROPHES)).split())
