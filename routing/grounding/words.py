"""Text in a document, found by its words."""

from __future__ import annotations

import re

from routing.cached_property import cached_property
from routing.normalisation.text import comparable, fold
from routing.verdict import Span

_WORD = re.compile(r"\S+")
_SPACES = re.compile(" *")
_BETWEEN_DIGITS = "\N{INFORMATION SEPARATOR ONE}"
_MAX_TRIES = 64  # beyond them the slower search decides, so that a hostile text costs no more than its length


class WordsInText:
    """The words of one text; spans are offsets into the text as given."""

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, value: str) -> Span | None:
        """Find text by its words: case, accents, punctuation and spacing do not count, nor where lines break.

        Words may be glued (`D.I.Y.` is `DIY`), but digits may not: 9.00 is not 900.
        """
        words = fold(value).split()
        if not words:
            return None
        return self._find_nearby(words) or self._find_glued(words)

    @cached_property
    def _folded(self) -> str:
        return fold(self._text)

    def _find_nearby(self, words: list[str]) -> Span | None:
        """Try the first places at which the first word stands, without preparing the text."""
        start = -1
        for _ in range(_MAX_TRIES):
            start = self._folded.find(words[0], start + 1)
            if start < 0:
                return None
            if self._folded[start - 1 : start] in ("", " "):
                end = self._end_of(words, start)
                if end is not None:
                    return Span(start, end)
        return None

    def _end_of(self, words: list[str], start: int) -> int | None:
        """Return where these words end, if they follow each other from `start`."""
        end = start
        for word in words:
            begin = _SPACES.match(self._folded, end).end()  # type: ignore[union-attr]  # it matches anywhere
            end = begin + len(word)
            if not self._folded.startswith(word, begin) or self._folded[end : end + 1] not in ("", " "):
                return None
        return end

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        return [match.span() for match in _WORD.finditer(self._folded)]

    def _span(self, first: int, last: int) -> Span:
        return Span(self._places[first][0], self._places[last][1])

    def _find_glued(self, words: list[str]) -> Span | None:
        wanted, _, _ = _glue(words)
        glued, starts, ends = self._glued
        place = glued.find(wanted)
        while place >= 0:
            first, last = starts.get(place), ends.get(place + len(wanted))
            if first is not None and last is not None:
                return self._span(first, last)
            place = glued.find(wanted, place + 1)
        return None

    @cached_property
    def _glued(self) -> tuple[str, dict[int, int], dict[int, int]]:
        return _glue(self._folded.split())


def _glue(words: list[str]) -> tuple[str, dict[int, int], dict[int, int]]:
    """Join words without spaces, but for a mark between digits; tell which word starts and ends at which offset."""
    parts: list[str] = []
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    offset = 0
    ends_in_digit = False
    for index, folded in enumerate(words):
        word = folded if folded.isascii() else comparable(folded).replace(" ", "")
        if ends_in_digit and word[:1].isdigit():
            parts.append(_BETWEEN_DIGITS)
            offset += 1
        starts.setdefault(offset, index)
        parts.append(word)
        offset += len(word)
        ends[offset] = index
        ends_in_digit = word[-1:].isdigit()
    return "".join(parts), starts, ends
