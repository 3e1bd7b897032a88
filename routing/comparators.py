"""The names of comparators, and how each of them compares two plain values of a field.

How values are compared moves measured accuracy by several points, so a task says it per field (`compare:`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from routing.normalisation.dates import date_readings
from routing.normalisation.numbers import number_readings
from routing.normalisation.text import comparable

if TYPE_CHECKING:
    from routing.json_value import JsonValue

DEFAULT_COMPARATOR = "text"
DEFAULT_FUZZY_RATIO = 0.9
_NEAR = 60
"""The least similarity, of 100, of a name that is suggested in the place of one that is not known."""
COLLECTIONS = ("list", "set")
"""Comparators of lists whose order does not count; what follows their colon compares the elements."""
CUSTOM = "custom"
"""`custom:compare.py:same` calls the function `same` of a Python file in the task's folder."""

PlainComparison = Callable[["JsonValue", "JsonValue"], bool]
"""Whether two values that are no list, no object and not null are alike."""


def check_comparator(name: str) -> str | None:
    """Return what is wrong with the name of a comparator, None where it is one."""
    kind, _, rest = name.partition(":")
    if kind in COLLECTIONS:
        return check_comparator(element_comparator(name))
    if kind == CUSTOM:
        return None if _CUSTOM.fullmatch(rest) else f"`{name}` needs a file and a function: custom:compare.py:same"
    try:
        plain_comparison(name)
    except ValueError as error:
        return str(error)
    return None


def is_collection(name: str) -> bool:
    """Tell whether a comparator takes lists whose order does not count."""
    return name.partition(":")[0] in COLLECTIONS


def element_comparator(name: str) -> str:
    """Return what compares the elements under a `list` or `set`: what follows its colon, or the default."""
    return name.partition(":")[2] or DEFAULT_COMPARATOR


def custom_function(name: str) -> tuple[str, str] | None:
    """Return the file and the function that a comparator names, for elements too; None where it names none."""
    if is_collection(name):
        return custom_function(element_comparator(name))
    kind, _, rest = name.partition(":")
    if kind != CUSTOM:
        return None
    file, _, function = rest.rpartition(":")
    return file, function


def plain_comparison(name: str) -> PlainComparison:
    """Return the comparison of plain values that has this name. Raises ValueError where there is none.

    - `exact`: the same JSON value; 1 and 1.0 are the same, 1 and true are not.
    - `text`: the same words; case, accents, punctuation and spacing do not count. What is not text is compared exactly.
    - `fuzzy`, `fuzzy:0.85`: as `text`, but a similarity of at least 0.9, or as said, is enough (rapidfuzz's ratio).
    - `number`: the same value, whatever the currency, sign's place and separators; `1.234` may mean 1234.
    - `date`: the same day in any common written form; `01/02/2018` may be either day.
    """
    if name in _COMPARISONS:
        return _COMPARISONS[name]
    kind, colon, ratio = name.partition(":")
    if kind == "fuzzy":
        return partial(_fuzzy, _ratio(ratio) if colon else DEFAULT_FUZZY_RATIO)
    from rapidfuzz import fuzz, process

    nearest = process.extractOne(kind, (*_NAMES, *COLLECTIONS, CUSTOM), scorer=fuzz.ratio, score_cutoff=_NEAR)
    guess = f"; did you mean `{nearest[0]}`?" if nearest else ""
    raise ValueError(
        f"no comparator is called `{name}`, there are {', '.join(_NAMES)}, fuzzy:0.85, list, set, list:number,"
        f" custom:compare.py:same{guess}"
    )


def _exact(left: JsonValue, right: JsonValue) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _text(left: JsonValue, right: JsonValue) -> bool:
    return _fuzzy(1.0, left, right)


def _fuzzy(least: float, left: JsonValue, right: JsonValue) -> bool:
    if not (isinstance(left, str) and isinstance(right, str)):
        return False
    from rapidfuzz import fuzz  # where it is needed: few workers compare, and each would hold it

    left, right = comparable(left), comparable(right)
    return bool(left and right) and fuzz.ratio(left, right) >= least * 100


def _number(left: JsonValue, right: JsonValue) -> bool:
    return not number_readings(left).isdisjoint(number_readings(right))


def _date(left: JsonValue, right: JsonValue) -> bool:
    if not (isinstance(left, str) and isinstance(right, str)):
        return False
    return not date_readings(left).isdisjoint(date_readings(right))


_COMPARISONS: dict[str, PlainComparison] = {"exact": _exact, "text": _text, "number": _number, "date": _date}
_NAMES = (*_COMPARISONS, "fuzzy")


def _ratio(text: str) -> float:
    if not _RATIO.fullmatch(text):
        raise ValueError(f"`fuzzy:{text}` needs a ratio from 0 to 1, such as fuzzy:0.9")
    return float(text)


_RATIO = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_CUSTOM = re.compile(r"[^:]+\.py:[A-Za-z_]\w*")
