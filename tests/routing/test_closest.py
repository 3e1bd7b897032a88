"""The name that was probably meant."""

from __future__ import annotations

import pytest

from routing.closest import LONGEST_WORD, MOST_NAMES, closest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("totl", {"total", "company"}, "total"),
        ("lines[*].amuont", {"lines[*].amount", "lines", "amount"}, "lines[*].amount"),
        ("xyz", {"total", "company"}, None),
        ("total", set(), None),
        ("", {"total"}, None),
        ("abc", {"abx", "abd", "abz"}, "abd"),
    ],
)
def test_the_name_most_like_a_word_is_found(word: str, known: set[str], meant: str | None) -> None:
    """The first of equals, nothing where nothing is like it."""
    assert closest(word, known) == meant


def test_what_would_take_long_is_not_looked_for() -> None:
    """A word that is no slip of the pen, or one among hundreds of names."""
    word = "x" * LONGEST_WORD
    assert closest(word, [word]) == word
    assert closest(f"{word}x", [word]) is None
    names = [f"name{number}" for number in range(MOST_NAMES)]
    assert closest("name", names) == "name0"
    assert closest("name", [*names, "nam"]) is None
