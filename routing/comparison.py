"""Whether two values of a field say the same: for agreement between models, and for accuracy against labels.

How values are compared moves measured accuracy by several points, so a task says it per field (`compare:`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from routing.normalisation.dates import date_readings
from routing.normalisation.numbers import number_readings
from routing.normalisation.text import comparable

if TYPE_CHECKING:
    from routing.json_value import JsonValue

DEFAULT_COMPARATOR = "text"
DEFAULT_FUZZY_RATIO = 0.9


def compare(comparator: str, left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are alike for `comparator`.

    Equal values are alike for every comparator; null is like nothing else. Lists and objects are compared element by
    element. Raises ValueError where `check_comparator` has something to say.

    - `exact`: the same JSON value; 1 and 1.0 are the same, 1 and true are not.
    - `text`: the same words; case, accents, punctuation and spacing do not count. What is not text is compared exactly.
    - `fuzzy`, `fuzzy:0.85`: as `text`, but a similarity of at least 0.9, or as said, is enough (rapidfuzz's ratio).
    - `number`: the same value, whatever the currency, sign's place and separators; `1.234` may mean 1234.
    - `date`: the same day in any common written form; `01/02/2018` may be either day.
    """
    alike = _scalar_comparison(comparator)
    return _compare(alike, left, right)


def check_comparator(name: str) -> str | None:
    """Return what is wrong with the name of a comparator, None where it is one."""
    try:
        _scalar_comparison(name)
    except ValueError as error:
        return str(error)
    return None


_Comparison = Callable[["JsonValue", "JsonValue"], bool]


def _compare(alike: _Comparison, left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_compare(alike, left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(_compare(alike, *pair) for pair in zip(left, right, strict=True))
    if not (isinstance(left, _SCALARS) and isinstance(right, _SCALARS)):
        return left is None and right is None
    return _exact(left, right) or alike(left, right)


_SCALARS = (str, int, float)  # bool is an int


def _exact(left: JsonValue, right: JsonValue) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _text(left: JsonValue, right: JsonValue) -> bool:
    return _fuzzy(1.0, left, right)


def _fuzzy(least: float, left: JsonValue, right: JsonValue) -> bool:
    if not (isinstance(left, str) and isinstance(right, str)):
        return False
    left, right = comparable(left), comparable(right)
    return bool(left and right) and fuzz.ratio(left, right) >= least * 100


def _number(left: JsonValue, right: JsonValue) -> bool:
    return not number_readings(left).isdisjoint(number_readings(right))


def _date(left: JsonValue, right: JsonValue) -> bool:
    if not (isinstance(left, str) and isinstance(right, str)):
        return False
    return not date_readings(left).isdisjoint(date_readings(right))


_COMPARISONS: dict[str, _Comparison] = {"exact": _exact, "text": _text, "number": _number, "date": _date}
_NAMES = (*_COMPARISONS, "fuzzy")


def _scalar_comparison(comparator: str) -> _Comparison:
    if comparator in _COMPARISONS:
        return _COMPARISONS[comparator]
    name, colon, ratio = comparator.partition(":")
    if name == "fuzzy":
        return partial(_fuzzy, _ratio(ratio) if colon else DEFAULT_FUZZY_RATIO)
    nearest = get_close_matches(name, _NAMES, n=1)
    guess = f"; did you mean `{nearest[0]}`?" if nearest else ""
    raise ValueError(f"no comparator is called `{comparator}`, there are {', '.join(_NAMES)}, fuzzy:0.85{guess}")


def _ratio(text: str) -> float:
    if not _RATIO.fullmatch(text):
        raise ValueError(f"`fuzzy:{text}` needs a ratio from 0 to 1, such as fuzzy:0.9")
    return float(text)


_RATIO = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
