from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.comparators import DEFAULT_COMPARATOR, check_comparator
from routing.comparison import Comparison
from routing.errors import InvalidFileError, UsageError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
COMPARATORS = ("exact", "text", "number", "date", "fuzzy", "fuzzy:0.5", "list", "set", "list:number", "set:fuzzy:0.5")


def compare(comparator: str, left: object, right: object) -> bool:
    """Compare two values of a field that has this comparator."""
    return Comparison({"field": comparator}).alike("field", left, right)


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


@pytest.mark.parametrize(
    ("comparator", "left", "right", "alike"),
    [
        ("list", ["a", "b"], ["B", "A"], True),
        ("list", ["a", "a"], ["a"], False),
        ("list:number", [1, "2.50"], ["$2.5", 1.0], True),
        ("list:number", [1, 2], [1, 3], False),
        ("list", None, [], False),
        ("list", "a", "A", True),
        ("list", "a", ["a"], False),
        ("set", ["a", "b", "A"], ["b", "a"], True),
        ("set", ["a"], ["a", "b"], False),
        ("set:fuzzy:0.5", ["heritage", "heritag"], ["heritage"], True),
        ("list:date", ["24 MAR 2018"], ["2018-03-24"], True),
    ],
)
def test_the_order_of_lists_may_not_count(comparator: str, left: object, right: object, alike: object) -> None:
    """Each element has its counterpart; in a set, however often it is told."""
    assert compare(comparator, left, right) is alike


def test_part_of_a_list_may_be_right() -> None:
    """The share of the longer list that has a counterpart; a plain list is right or wrong as a whole."""
    comparison = Comparison({"names": "list", "tags": "set", "plain": "text"})
    assert comparison.score("names", ["a", "b", "c"], ["c", "x", "a", "y"]) == 0.5
    assert comparison.score("tags", ["a", "A", "b"], ["a"]) == 0.5
    assert comparison.score("plain", ["a", "b"], ["a", "c"]) == 0.0


def test_the_elements_of_a_list_are_compared_by_their_members() -> None:
    """Each by its own comparator; what has none is compared as the list's elements are."""
    comparison = Comparison({"lines": "list", "lines[*].amount": "number", "lines[*].name": "fuzzy:0.8"})
    label = [{"name": "Green tea", "amount": 2.5}, {"name": "Coffee", "amount": 3}]
    said = [{"name": "COFFEE", "amount": "3.00"}, {"name": "Green tee", "amount": "2.50"}]
    assert comparison.alike("lines", said, label)
    said[0]["amount"] = "4.00"
    assert comparison.score("lines", said, label) == 0.75
    assert comparison.score("lines", [{"name": "Coffee"}], label) == 0.25
    assert comparison.score("lines", [{}], [{}, {}]) == 0.5


def test_elements_are_paired_as_well_as_can_be() -> None:
    """The first fit would leave the second element without its only counterpart."""
    comparison = Comparison({"codes": "list:fuzzy:0.7"})
    assert comparison.alike("codes", ["abcd", "abce"], ["abce", "abxd"])


def test_members_of_an_object_have_comparators_of_their_own() -> None:
    """Beside that of the object."""
    comparison = Comparison({"seller": "exact", "seller.name": "text"})
    assert comparison.alike("seller", {"name": "ACME", "id": 1}, {"name": "acme", "id": 1})
    assert not comparison.alike("seller", {"name": "ACME", "id": 1}, {"name": "acme", "id": 2})
    assert not comparison.alike("seller", {"name": "ACME"}, {"name": "acme", "id": 2})


def test_a_hostile_list_costs_no_more_than_a_bound() -> None:
    """Ten thousand elements without a counterpart: the first hundred are paired, the rest compared in their order."""
    many = [f"a{number}" for number in range(10_000)]
    others = [f"b{number}" for number in range(9_999)]
    assert Comparison({"f": "list"}).score("f", many, others) == 0.0
    assert Comparison({"f": "set"}).score("f", many, [*many, "one more"]) > 0.99
    assert Comparison({"f": "list"}).alike("f", many, many[::-1])


SAME = "def same(left, right):\n    return repr(left).lower() == repr(right).lower()\n"


def test_a_custom_comparator_is_asked_about_what_is_not_equal() -> None:
    """Nothing is asked about null; elements may be compared by it as well."""
    comparison = Comparison({"a": "custom:compare.py:same", "b": "list:custom:compare.py:same"}, {"compare.py": SAME})
    assert comparison.alike("a", "ACME", "acme")
    assert not comparison.alike("a", "ACME", "acm")
    assert not comparison.alike("a", None, "acme")
    assert comparison.alike("a", 1, 1.0)  # equal: not asked
    assert comparison.alike("b", ["A", "b"], ["B", "a"])
    assert comparison.score("b", [{"k": "a"}], [{"k": "A"}]) == 1.0


def test_what_a_custom_comparator_raises_is_told_without_the_values() -> None:
    """With the file, the line and the kind of the error."""
    failing = SAME.replace("repr(left)", "left")
    comparison = Comparison({"a": "custom:compare.py:same"}, {"compare.py": failing})
    with pytest.raises(UsageError, match=r"compare\.py:2: `same` raised AttributeError on two values") as raised:
        comparison.alike("a", 12345, "secret")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def same(:", "compare.py:1:1: SyntaxError"),
        ("x = 1\n1 / 0", "compare.py:2:1: ZeroDivisionError"),
        ("same = 1", "compare.py: it has no function `same`"),
    ],
)
def test_a_custom_comparator_that_cannot_be_loaded_is_told(source: str, message: str) -> None:
    """By file and line."""
    with pytest.raises(InvalidFileError, match=re.escape(message)):
        Comparison({"a": "custom:compare.py:same"}, {"compare.py": source})


@pytest.mark.parametrize(
    "name", ["custom", "custom:compare.py", "custom:compare:same", "list:custom:x.py:1", "list:zzz"]
)
def test_a_comparator_of_elements_is_checked_as_well(name: str) -> None:
    """And a custom one names a Python file and a function."""
    assert check_comparator(name) is not None
    assert check_comparator("list:custom:compare.py:same") is None
