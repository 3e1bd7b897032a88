"""Dates in a document, found by value."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from routing.normalisation.dates import find_dates, is_date, usual_forms
from routing.verdict import Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

_CHARS_AROUND = 32  # every written form keeps its day, month and year closer together
_MAX_DIGITS = 8
_MAX_TRIES = 64  # beyond them the text is read once from end to end


class DatesInText:
    """The dates of one text, which has gone through `fold_letters`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, days: frozenset[date], written: str) -> Span | None:
        """Find one of these days, in any common form; where day and month may be swapped, either order will do.

        `written` is how these days were written, folded: most documents write it so, and the same characters are the
        same days. That is looked for first, then each day in its usual forms, and only then are dates read: so what is
        found need not be the first of several places.
        """
        for form in chain((written,), *map(usual_forms, sorted(days))):
            start = self._text.find(form)
            end = start + len(form)
            if start >= 0 and is_date(self._text, start, end):
                return Span(start, end)
        return self._find_any_form(days)

    def _find_any_form(self, days: frozenset[date]) -> Span | None:
        for tries, (start, end) in enumerate(self._neighbourhoods(days)):
            if tries == _MAX_TRIES:
                return self._find_between(days, start, len(self._text))
            span = self._find_between(days, start, end)
            if span is not None:
                return span
        return None

    def _neighbourhoods(self, days: frozenset[date]) -> Iterator[tuple[int, int]]:
        """Where the digits of a day's year stand, with its day near by: most of a text is never read."""
        for day in days:
            year, in_month = f"{day.year % 100:02d}", str(day.day)
            place = self._text.find(year)
            while place >= 0:
                start, end = max(0, place - _CHARS_AROUND), self._end_of_digits(place + _CHARS_AROUND)
                if in_month in self._text[start:end]:
                    yield start, end
                place = self._text.find(year, place + 1)

    def _end_of_digits(self, end: int) -> int:
        """Move an end past the digits it would cut: half a year is another year."""
        for _ in range(_MAX_DIGITS):
            if not self._text[end : end + 1].isdigit():
                break
            end += 1
        return end

    def _find_between(self, days: frozenset[date], start: int, end: int) -> Span | None:
        for begin, stop, readings in find_dates(self._text, start, end):
            if not days.isdisjoint(readings):
                return Span(begin, stop)
        return None
