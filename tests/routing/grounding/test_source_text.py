from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.grounding.source_text import SourceText
from routing.normalisation.dates import date_readings, find_dates, is_date
from routing.verdict import Span

RECEIPT = """TAN WOON YANN
BOOK TA .K(TAMAN DAYA) SDN BHD
789417-W
NO.53 55,57 & 59, JALAN SAGU 18,
TAMAN DAYA,
81100 JOHOR BAHRU.
DOMINO'S   D.I.Y. Café Straße
DATE:   25/12/2018 8:13:39 PM   INVOICE SH09 TD01167104
1 PC   *   9.000   0.00   9.00
DISCOUNT -RM 0.02   WEIGHT 5kg   NETT EUR1.234,50   GROSS 12 345,60
TOTAL RM33.92   QTY 1,000   LAKH 12,34,567.00   YEAR 1999
"""
SOURCE = SourceText(RECEIPT)


def found(value: str | float) -> str | None:
    """Return the piece of the receipt a value is found at."""
    span = SOURCE.find(value)
    return None if span is None else RECEIPT[span.start : span.end]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (9, "9.00"),
        (9.0, "9.00"),
        ("9.00", "9.00"),
        ("RM 9.00", "9.00"),
        (33.92, "33.92"),
        ("33.92", "33.92"),
        (-0.02, "0.02"),
        (0.02, "0.02"),
        (5, "5"),
        (1234.5, "1.234,50"),
        (12345.6, "12 345,60"),
        (1000, "1,000"),
        (1234567, "12,34,567.00"),
        (1999, "1999"),
        ("1999", "1999"),
        (0, "0.00"),
        ("789417", "789417"),
        (345.6, "345,60"),
    ],
)
def test_a_number_is_found_by_value(value: str | float, place: str) -> None:
    """Sign, currency, decimals and thousands may be written in any common way."""
    assert found(value) == place


@pytest.mark.parametrize("value", [33.9, 3, 92, 93, 900, 33, 1167104, 2.5, 34567, 1e300, 0.001, 2.01])
def test_a_number_is_a_token_of_its_own(value: str | float) -> None:
    """Neither a part of a longer number nor the digits of a code ground a number."""
    assert found(value) is None


@pytest.mark.parametrize("value", ["2018-12-25", "25/12/2018", "25 Dec 2018", "December 25, 2018", "25.12.18"])
def test_a_date_is_found_by_value(value: str) -> None:
    """How the model writes a date does not have to be how the document does."""
    assert found(value) == "25/12/2018"


@given(
    before=st.text("0125/-. :", max_size=6),
    written=st.sampled_from(["25/12/2018", "25-12-18", "2018.12.25", "25 dec 2018", "20181225", "1/2/18", "02/01/18"]),
    after=st.text("0125/-. :", max_size=6),
)
def test_a_date_that_stands_there_as_it_is_written_is_the_one_that_is_read_there(
    before: str, written: str, after: str
) -> None:
    """What is found by its characters, without reading them, is what reading them from there would find."""
    text = before + written + after
    start = text.find(written)
    end = start + len(written)
    if is_date(text, start, end):
        assert next(find_dates(text, start)) == (start, end, date_readings(written))


def _written(day: date) -> list[str]:
    """Write a day as documents do, the century left out as well."""
    year, short, month, in_month = f"{day.year:04d}", f"{day.year % 100:02d}", f"{day.month:02d}", f"{day.day:02d}"
    by_day = [f"{in_month}{mark}{month}{mark}{year}" for mark in "/-."]
    return [*by_day, f"{year}-{month}-{in_month}", f"{month}/{in_month}/{year}", f"{in_month}/{month}/{short}"]


@given(
    days=st.dates().map(_written),
    day=st.dates(),
    form=st.sampled_from(range(6)),
    before=st.sampled_from(["", "on ", "no 7 ", "1", "12/", "7-"]),
    after=st.sampled_from(["", " paid", ".", "7", "/3"]),
)
def test_a_date_in_one_of_its_usual_forms_is_found_as_it_is_by_reading(
    days: list[str], day: date, form: int, before: str, after: str
) -> None:
    """Looking for its characters finds no date that is another one, and none less than reading the text does."""
    text = f"{days[form]} and {before}{_written(day)[form]}{after}"
    span = SourceText(text).find(f"{day.day} {day:%B} {day.year:04d}")

    if span is None:
        assert not any(day in readings for _, _, readings in find_dates(text))
    else:
        assert day in date_readings(text[span.start : span.end])
        assert not text[: span.start][-1:].isdigit()
        assert not text[span.end :][:1].isdigit()


@pytest.mark.parametrize("value", ["1918-12-25", "2118-12-25", "0018-12-25", "25 Dec 1918"])
def test_a_year_of_two_digits_is_of_one_century(value: str) -> None:
    """As POSIX reads it; that of another one has the same two digits."""
    assert SourceText("invoice of 25/12/18").find(value) is None


def test_of_several_places_the_same_one_is_found_by_every_process() -> None:
    """A set of dates has another order in each of them."""
    text = "issued 2018-02-01 and due 2018-01-02"
    assert SourceText(text).find("01/02/2018") == Span(text.index("2018-01-02"), len(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("due 2 jan 2018, sent 02/01/2018", "02/01/2018"),
        ("page 3 / 25/12/2018", "25/12/2018"),
        ("march 5, 2018-12-25", "2018-12-25"),
    ],
)
def test_a_usual_form_is_found_wherever_it_stands_by_itself(text: str, place: str) -> None:
    """Read from end to end, the text has another one before it, or one that swallows its beginning."""
    value = "2018-01-02" if "02/01" in place else "2018-12-25"
    assert SourceText(text).find(value) == Span(text.index(place), len(text))


@given(st.dates(), st.sampled_from(["", " ", "at "]), st.sampled_from(["", " ", "T10:00", " 10:00"]))
def test_an_iso_date_is_read_as_it_is_in_any_form(day: date, before: str, after: str) -> None:
    """By itself it takes a shorter way."""
    written = f"{before}{day.isoformat()}{after}"
    assert date_readings(written) == next(readings for _, _, readings in find_dates(written.lower()))


@pytest.mark.parametrize("text", ["12/25/12/2018", "125/12/2018", "25/12/20189", "1-25/12/2018"])
def test_a_piece_of_something_longer_is_not_a_date_by_itself(text: str) -> None:
    """Its characters stand there, as part of a number or of another date."""
    start = text.find("25/12/2018")
    assert not is_date(text, start, start + len("25/12/2018"))


def test_a_date_is_found_first_where_it_stands_as_it_is_written() -> None:
    """That is where the model has read it, more likely than in another form of the same day."""
    text = "issued 2018-12-25, due 25/12/2018"
    assert SourceText(text).find("25/12/2018") == Span(text.index("25/"), len(text))


@pytest.mark.parametrize("value", ["2018-12-24", "2017-12-25", "2012-12-25"])
def test_another_date_is_not_found(value: str) -> None:
    """Another day, another year, and the year that half a date would make."""
    assert found(value) is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("BOOK TA .K (TAMAN DAYA) SDN BHD", "BOOK TA .K(TAMAN DAYA) SDN BHD"),
        ("book ta k taman daya sdn bhd", "BOOK TA .K(TAMAN DAYA) SDN BHD"),
        (
            "No. 53, 55, 57 & 59 Jalan Sagu 18, Taman Daya, 81100 Johor Bahru",
            "NO.53 55,57 & 59, JALAN SAGU 18,\nTAMAN DAYA,\n81100 JOHOR BAHRU",
        ),
        ("DIY", "D.I.Y"),
        ("Dominos", "DOMINO'S"),
        ("CAFE", "Café"),
        ("STRASSE", "Straße"),
        ("Cafe\N{COMBINING ACUTE ACCENT} Straße", "Café Straße"),
        ("INVOICE SH09", "INVOICE SH09"),
        ("YEAR 1999", "YEAR 1999"),
    ],
)
def test_text_is_found_by_its_words(value: str, place: str) -> None:
    """Case, accents, punctuation, spacing and line ends do not count."""
    assert found(value) == place


@pytest.mark.parametrize(
    "value",
    [
        "OOK TA K",
        "DAYA SDN BH",
        "TAN WOON YAN",
        "5557",
        "no 53 5557",
        "33 92",
        "ACME",
        "",
        "---",
        "   ",
    ],
)
def test_text_is_found_as_whole_words_only(value: str) -> None:
    """Half a word, glued digits, other words and no words at all are not found."""
    assert found(value) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("March 24th, 2018", "2018-03-24"),
        ("on the 24th of March 2018.", "24/03/2018"),
        ("ref 20180324", "2018-03-24"),
        ("18 18 18 " * 100 + "24/03/18", "2018-03-24"),
        ("24 18 " * 100 + "24/03/18", "2018-03-24"),
        ("x" * 40 + "24 MAR 18" + "y" * 40, "2018-03-24"),
        ("9.5 9.50x1 " * 100 + "x 9,500", 9.5),
        ("a.b " * 100 + "a  -  b", "a b"),
        ("aaa " * 100 + "a", "a"),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}.50", 12.5),
        ("\N{ARABIC-INDIC DIGIT NINE}.50", 9.5),
    ],
)
def test_values_are_found_among_many_that_look_alike(text: str, value: str | float) -> None:
    """The quick searches give way to thorough ones, and forms of other scripts are read."""
    assert SourceText(text).find(value) is not None


def test_a_half_cut_year_is_not_another_year() -> None:
    """Reading only the neighbourhood of a year does not cut the digits of the next date."""
    text = "20" + " " * 22 + "24/03/2018"
    assert SourceText(text).find("2020-03-24") is None


def test_a_date_is_found_before_a_long_number() -> None:
    """What follows a date is read no further than a date could go."""
    text = "24/03/18" + " " * 26 + "1" * 50
    assert SourceText(text).find("2018-03-24") is not None


@given(text=st.text(alphabet="ab1. \n-é", max_size=40), data=st.data())
def test_any_words_of_a_text_are_found_in_it(text: str, data: st.DataObject) -> None:
    """Copying from the document is always grounded, and the span holds what was copied."""
    words = text.split()
    first = data.draw(st.integers(0, len(words)))
    last = data.draw(st.integers(first, len(words)))
    value = " ".join(words[first:last])
    if any(character.isalpha() for character in value):
        span = SourceText(text).find(value)
        assert span is not None
        assert 0 <= span.start < span.end <= len(text)


@given(text=st.text(max_size=200), value=st.text(max_size=30) | st.floats(allow_nan=False, allow_infinity=False))
def test_searching_never_raises(text: str, value: str | float) -> None:
    """Any value is found in any text, or not; a span lies within the text."""
    span = SourceText(text).find(value)
    if span is not None:
        assert 0 <= span.start < span.end <= len(text)


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31)), st.sampled_from(["%d/%m/%y", "%d %b %Y"]))
def test_any_date_is_found_as_it_is_printed(day: date, form: str) -> None:
    """An ISO date of the model is found in the document's own form."""
    assert SourceText(f"INV 0017 DATE:{day.strftime(form)} 8:13 PM").find(day.isoformat()) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 100_000, 9.5),
        ("9 " * 50_000, 9.5),
        ("9." * 50_000, 9.5),
        ("9.50x1 " * 14_000, 9.5),
        ("1 234 " * 16_000, 1234.5),
        ("a" * 100_000, "aa b"),
        ("a " * 50_000, "a b a"),
        ("é" * 100_000, "éé b"),
        ("24 18 " * 16_000, "2018-12-24"),
        ("24/18/18 " * 11_000, "2018-12-24"),
    ],
)
def test_hostile_documents_take_linear_time(text: str, value: str | float) -> None:
    """100 kB made of near misses are searched in a fraction of a second; anything quadratic would take minutes."""
    began = time.perf_counter()
    assert SourceText(text).find(value) is None
    assert time.perf_counter() - began < 2
