from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.normalisation.dates import MAX_DATE_CHARS, date_readings, find_dates
from routing.normalisation.text import fold_letters

DAY = date(2018, 3, 24)


@pytest.mark.parametrize(
    "written",
    [
        "2018-03-24",
        "2018/3/24",
        "24/03/2018",
        "24-03-18",
        "24.3.18",
        "03/24/2018",
        "24 / 03 / 2018",
        "20180324",
        "24 MAR 2018",
        "24MAR18",
        "24-Mar-2018",
        "24th of March, 2018",
        "2018 Mar 24",
        "March 24, 2018",
        "Mar. 24th 2018",
        "Sat, 24 Mar 2018",
        "24. März 2018",
        "24 de marzo de 2018",
        "24 Mac 2018",
        "2018-03-24T10:00:00Z",
        "2018-03-24T10:00:00.123+08:00",
        "24/03/2018 8:13:39 PM",
        " 24/03/2018. ",
    ],
)
def test_a_day_is_read_in_every_common_form(written: str) -> None:
    """Numeric, named, compact and ISO forms are one day, with or without a weekday and a time."""
    assert date_readings(written) == {DAY}


@pytest.mark.parametrize(
    "written",
    [
        "",
        "March 2018",
        "2018",
        "31/02/2018",
        "99/99/2018",
        "24/03/2018 and 25/03/2018",
        "invoice of 24/03/2018",
        "24/03/2018 in Johor",
        "24/03-2018",
        "124/03/2018",
        "24 TAMAN 2018",
        "JALAN 24, 2018",
        "24, 2018",
        "0000-01-01",
        "x" * (MAX_DATE_CHARS + 1),
    ],
)
def test_what_is_not_one_day_has_no_reading(written: str) -> None:
    """No guess is made from half a date, a wrong one, two, or one within other words."""
    assert date_readings(written) == frozenset()


def test_an_ambiguous_date_has_both_readings() -> None:
    """Day-first and month-first are both common."""
    assert date_readings("01/02/2018") == {date(2018, 2, 1), date(2018, 1, 2)}


def test_two_digit_years_follow_posix() -> None:
    """69 is 1969, 68 is 2068."""
    assert date_readings("24/03/69") == {date(1969, 3, 24)}
    assert date_readings("24/03/68") == {date(2068, 3, 24)}


def test_dates_are_found_with_their_place() -> None:
    """Offsets are those of the text, a month's name before the day included."""
    text = "Bill of March 24, 2018 paid 2018-03-25, 2 pcs 26 Mär 18"
    found = [(text[start:end], readings) for start, end, readings in find_dates(fold_letters(text))]
    assert found == [
        ("March 24, 2018", {date(2018, 3, 24)}),
        ("2018-03-25", {date(2018, 3, 25)}),
        ("26 Mär 18", {date(2018, 3, 26)}),
    ]


@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_date_reads_back_in_every_form_of_the_calendar(day: date) -> None:
    """Every day of the calendar keeps its value."""
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%B %d, %Y"):
        assert day in date_readings(day.strftime(form))


@given(st.text(max_size=MAX_DATE_CHARS) | st.text(alphabet="0123456789/-. marTZ:", max_size=MAX_DATE_CHARS))
def test_reading_dates_never_raises(text: str) -> None:
    """Any text has readings or none."""
    date_readings(text)
