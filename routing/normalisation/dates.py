"""Dates by value, however they are written: `24/03/2018`, `2018-03-24`, `24 MAR 18`, `March 24th, 2018`, `20180324`.

`01/02/2018` reads day-first and month-first; both readings are returned, and two dates are alike where one reading
agrees. Years of two digits are 1969 to 2068, as POSIX reads them.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from routing.normalisation.months import MONTHS
from routing.normalisation.text import fold_letters

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DATE_CHARS = 64

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_SEPARATOR = r"[ ,./'\-]{0,3}"
# Each begins with a digit, which is looked for before any is tried, so that most of a text is passed over quickly;
# every repetition is bounded.
_YEAR_FIRST = r"(?P<y1>\d{4}) ?(?P<s1>[-/.]) ?(?P<m1>\d{1,2}) ?(?P=s1) ?(?P<d1>\d{1,2})"
_YEAR_LAST = r"(?P<a2>\d{1,2}) ?(?P<s2>[-/.]) ?(?P<b2>\d{1,2}) ?(?P=s2) ?(?P<y2>\d{4}|\d{2})"
_DAY = r"\d{1,2}"
_NAMED_DAY_FIRST = (
    rf"(?P<d3>{_DAY})(?:st|nd|rd|th)?{_SEPARATOR}(?:of |de )?(?P<m3>{_MONTH})"
    rf"{_SEPARATOR}(?:de )?(?P<y3>\d{{4}}|\d{{2}})"
)
_NAMED_YEAR_FIRST = rf"(?P<y4>\d{{4}}){_SEPARATOR}(?P<m4>{_MONTH}){_SEPARATOR}(?P<d4>\d{{1,2}})"
_NAMED_MONTH_FIRST = r"(?P<d5>\d{1,2})(?:st|nd|rd|th)?[ ,./'\-]{1,3}(?P<y5>\d{4})"
_COMPACT = r"(?P<y6>(?:19|20)\d{2})(?P<m6>\d{2})(?P<d6>\d{2})"
_DATE = re.compile(
    rf"(?=\d)(?<!\d)(?:{_YEAR_FIRST}|{_YEAR_LAST}|{_NAMED_DAY_FIRST}|{_NAMED_YEAR_FIRST}|{_NAMED_MONTH_FIRST}|{_COMPACT})(?!\d)"
)
_DIGIT = re.compile(r"\d")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WORD_BEFORE = re.compile(r"([a-z]{3,10})[ .\-/]{0,2}$")
_TIME = re.compile(r"[t ,]{0,3}\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)? ?(?:z|am|pm|[+-]\d{2}:?\d{2})?", re.ASCII)
_BEFORE = ("", " ", "\n", "\t", ":", "(")
_WEEKDAY_CHARS = 12
_WORD_BEFORE_CHARS = 13
_PIVOT_YEAR = 69


def date_readings(text: str) -> frozenset[date]:
    """Return every date the whole of `text` can be read as; none where it is not one date.

    A weekday before it and a time after it do not count.
    """
    if len(text) > MAX_DATE_CHARS or _DIGIT.search(text) is None:
        return frozenset()
    if _ISO.fullmatch(text):  # as most schemas ask for it
        year, month, day = text.split("-")
        return _dates([(year, month, day)])
    text = fold_letters(text.strip())
    found = list(find_dates(text))
    if len(found) != 1:
        return frozenset()
    start, end, readings = found[0]
    before, after = text[:start].strip(" ,."), _TIME.sub("", text[end:], count=1).strip(" .")
    is_weekday = not before or (before.isalpha() and len(before) <= _WEEKDAY_CHARS)
    return readings if is_weekday and not after else frozenset()


def find_dates(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, frozenset[date]]]:
    """Find the dates written in `text[start:end]`, with their offsets and readings.

    `text` has gone through `fold_letters`.
    """
    for match in _DATE.finditer(text, start, len(text) if end is None else end):
        begin = match.start()
        if match.lastgroup == "y5":
            word = _WORD_BEFORE.search(text[max(0, begin - _WORD_BEFORE_CHARS) : begin])
            if word is None or word.group(1) not in MONTHS:
                continue
            begin -= len(word.group())
            readings = _dates([(match["y5"], MONTHS[word.group(1)], match["d5"])])
        else:
            readings = _dates(_candidates(match))
        if readings:
            yield begin, match.end(), readings


def usual_forms(day: date) -> Iterator[str]:
    """Yield the ways in which a day is written most often, in figures."""
    year, month, in_month = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    yield f"{in_month}/{month}/{year}"
    yield f"{in_month}-{month}-{year}"
    yield f"{in_month}.{month}.{year}"
    yield f"{year}-{month}-{in_month}"
    yield f"{month}/{in_month}/{year}"
    if _full_year(year[-2:]) == day.year:
        yield f"{in_month}/{month}/{year[-2:]}"


def is_date(text: str, start: int, end: int) -> bool:
    """Tell whether `text[start:end]` is one whole date, with a space, a line end, a colon or a bracket before it.

    `text` has gone through `fold_letters`. A date that begins with its month is not known for one.
    """
    match = _DATE.match(text, start)
    return match is not None and match.end() == end and match.lastgroup != "y5" and text[start - 1 : start] in _BEFORE


def _candidates(match: re.Match[str]) -> list[tuple[str, str | int, str]]:
    """Return year, month and day; the last group of a match tells in which form it was written."""
    match match.lastgroup:
        case "d1":
            return [(match["y1"], match["m1"], match["d1"])]
        case "y2":
            return [(match["y2"], match["b2"], match["a2"]), (match["y2"], match["a2"], match["b2"])]
        case "y3":
            return [(match["y3"], MONTHS[match["m3"]], match["d3"])]
        case "d4":
            return [(match["y4"], MONTHS[match["m4"]], match["d4"])]
        case _:
            return [(match["y6"], match["m6"], match["d6"])]


def _dates(candidates: list[tuple[str, str | int, str]]) -> frozenset[date]:
    """Make dates of year, month and day; what is no day of the calendar is left out."""
    dates = set()
    for year, month, day in candidates:
        try:
            dates.add(date(_full_year(year), int(month), int(day)))
        except ValueError:
            continue
    return frozenset(dates)


def _full_year(year: str) -> int:
    if len(year) > 2:  # noqa: PLR2004  two digits
        return int(year)
    return int(year) + (1900 if int(year) >= _PIVOT_YEAR else 2000)
