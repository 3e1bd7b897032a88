"""The name that was probably meant: looked for quickly, however long and many the names are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_WORD = 100
"""In characters. What is longer is no slip of the pen, and would take long to compare."""
MOST_NAMES = 500
"""Among more of them nothing is looked for: a file may name hundreds of things that do not exist."""
_LEAST_LIKENESS = 60


def closest(word: str, known: Collection[str]) -> str | None:
    """Return the name that is most like a word, the first of equals; None where none is, or too much is to compare."""
    if len(word) > LONGEST_WORD or len(known) > MOST_NAMES:
        return None
    from rapidfuzz import fuzz, process  # 2.4 MB that a worker has no use for

    found = process.extractOne(word, sorted(known), scorer=fuzz.ratio, score_cutoff=_LEAST_LIKENESS)
    return None if found is None else found[0]
