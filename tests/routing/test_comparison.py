from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.comparison import DEFAULT_COMPARATOR, check_comparator, compare

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
COMPARATORS = ("exact", "text", "number", "date", "fuzzy", "fuzzy:0.5")


@pytest.mark.parametrize("comparator", COMPARATORS)
@given(value=VALUES)
def test_equal_values_are_alike_for_every_comparator(comparator: str, value: object) -> None:
    """A value is like itself, whatever it is and however it is compared."""
    assert compare(comparator, value, value)


@pytest.mark.parametrize("comparator", COMPARATORS)
@given(left=VALUES, right=VALUES)
def test_comparison_is_symmetric(comparator: str, left: object, right: object) -> None:
    """Which of two values is the label makes no difference."""
    assert compare(comparator, left, right) == compare(comparator, right, left)


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize("value", ["", 0, False, [], {}, "null"])
def test_null_is_like_nothing_else(comparator: str, value: object) -> None:
    """A missing value and an empty one are two answers."""
    assert not compare(comparator, None, value)


@pytest.mark.parametrize(
    ("comparator", "left", "right", "alike"),
    [
        ("exact", 1, 1.0, True),
        ("exact", 1, True, False),
        ("exact", "a", "A", False),
        ("exact", [1, 2], [2, 1], False),
        ("exact", [1], [1, 2], False),
        ("exact", {"a": [1]}, {"a": [1]}, True),
        ("exact", {"a": 1}, {"b": 1}, False),
        ("exact", [1], {"a": 1}, False),
        ("exact", "1", ["1"], False),
        ("text", "MR. D.I.Y. (M) Sdn Bhd", "mr d.i.y (M) SDN  BHD", True),
        ("text", "Domino's", "DOMINOS", True),
        ("text", "Café Straße", "CAFE\N{COMBINING ACUTE ACCENT} STRASSE", True),
        ("text", "Heritage", "Heritage Action", False),
        ("text", "---", "!!!", False),
        ("text", 9, "9", False),
        ("text", 9, 9.0, True),
        ("fuzzy", "BOOK TA .K (TAMAN DAYA) SDN BHD", "BOOK TA .K(TAMAN DAYA) SDN BND", True),
        ("fuzzy:0.99", "BOOK TA .K (TAMAN DAYA) SDN BHD", "BOOK TA .K(TAMAN DAYA) SDN BND", False),
        ("fuzzy", "abc", "xyz", False),
        ("fuzzy:0", "---", "abc", False),
        ("fuzzy", ["Acme Ltd"], ["ACME LTD."], True),
        ("number", "RM 1,234.50", 1234.5, True),
        ("number", "1.234,50", "1,234.50", True),
        ("number", "$9.20", "9.2", True),
        ("number", "9.20", "9.21", False),
        ("number", 1, True, False),
        ("number", "n/a", "N/A", False),
        ("date", "24 MAR 2018", "2018-03-24", True),
        ("date", "01/02/2018", "2018-01-02", True),
        ("date", "01/02/2018", "2018-02-01", True),
        ("date", "24/03/18", "2018-03-25", False),
        ("date", 20180324, "2018-03-24", False),
    ],
)
def test_comparators_see_through_what_they_say(comparator: str, left: object, right: object, alike: object) -> None:
    """Each comparator forgives exactly the differences its documentation names."""
    assert compare(comparator, left, right) is alike


@pytest.mark.parametrize("name", [*COMPARATORS, "fuzzy:1", "fuzzy:0.85", DEFAULT_COMPARATOR])
def test_known_comparators_are_accepted(name: str) -> None:
    """The registry knows the documented names."""
    assert check_comparator(name) is None


def test_an_unknown_comparator_is_told_with_the_nearest_name() -> None:
    """A typing mistake is answered with the name that was meant."""
    assert "did you mean `number`?" in str(check_comparator("numbr"))
    assert "did you mean" not in str(check_comparator("zzz"))


@pytest.mark.parametrize("name", ["fuzzy:", "fuzzy:2", "fuzzy:-1", "fuzzy:nan", "fuzzy:1e9", "fuzzy:0.9 "])
def test_a_ratio_is_a_plain_number_from_0_to_1(name: str) -> None:
    """Whatever `float` would accept besides is refused."""
    assert "0 to 1" in str(check_comparator(name))


def test_comparing_with_an_unknown_comparator_raises() -> None:
    """A name that was never checked is an error, not a difference."""
    with pytest.raises(ValueError, match="no comparator is called `same`"):
        compare("same", 1, 1)
