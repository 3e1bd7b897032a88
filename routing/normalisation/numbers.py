"""Numbers by value, however they are written: `RM 1,234.50`, `1.234,50`, `1 234.5`, `(12.00)`.

A separator is a guess where the text does not say which: `1.234` reads as 1.234 and as 1234, `1,234` too. Every
reading is returned, and two numbers are alike where one reading agrees.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING

from routing.normalisation.currencies import is_currency

if TYPE_CHECKING:
    from routing.json_value import JsonValue

MAX_NUMBER_CHARS = 64
_MAX_DIGITS = 28  # Python's decimals are exact up to here; longer ones are identifiers, not amounts

GROUP_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
_MINUS = "-\N{MINUS SIGN}\N{EN DASH}"
_TOKEN = re.compile(rf"[.,]?\d(?:[\d.,{_APOSTROPHES}{GROUP_SPACES}]*\d)?")
_SUFFIXES = frozenset({"", "%", ".", "/-", ".-", ",-"})  # 5 %, a full stop, the Indian 500/- and the Swiss 5.-
_GROUPED = re.compile(r"(?!0)\d{1,3}(?:\D\d{3})+|(?!0)\d{1,2}(?:\D\d{2})+\D\d{3}")  # thousands; lakhs and crores


def number_readings(value: JsonValue) -> frozenset[Decimal]:
    """Return every number `value` can be read as; none where it is not a number.

    JSON numbers have one reading. Text may carry a sign, accounting brackets, a currency and a per cent sign.
    """
    if isinstance(value, bool):
        return frozenset()
    if isinstance(value, int):
        return frozenset((Decimal(value),))
    if isinstance(value, float):
        return frozenset((Decimal(repr(value)),))
    if isinstance(value, str) and len(value) <= MAX_NUMBER_CHARS:
        return _read_text(value.strip())
    return frozenset()


def _read_text(text: str) -> frozenset[Decimal]:
    token = _TOKEN.search(text)
    if token is None or _has_too_many_digits(token.group()):
        return frozenset()
    before, after = text[: token.start()].strip(), text[token.end() :].strip()
    negative = False
    if before.startswith("(") and after.endswith(")"):
        negative, before, after = True, before[1:].strip(), after[:-1].strip()
    before, signed_before = _without_sign(before)
    after, signed_after = _without_trailing_minus(after)
    if not (_is_currency_or_nothing(before) and (after in _SUFFIXES or is_currency(after))):
        return frozenset()
    readings = read_digits(token.group())
    return frozenset(-reading for reading in readings) if negative or signed_before or signed_after else readings


def _has_too_many_digits(token: str) -> bool:
    return len(token) > _MAX_DIGITS and sum(map(str.isdigit, token)) > _MAX_DIGITS


def _without_sign(text: str) -> tuple[str, bool]:
    """Take a sign off either end of what stands before a number: `-RM` and `RM -` are both negative."""
    if not text:
        return "", False
    bare = text.strip(_MINUS + "+").strip()
    return bare, any(sign in text for sign in _MINUS) and bare != text


def _without_trailing_minus(text: str) -> tuple[str, bool]:
    if text in _SUFFIXES or text[-1] not in _MINUS:
        return text, False
    return text[:-1].strip(), True


def _is_currency_or_nothing(text: str) -> bool:
    return not text or is_currency(text)


def read_digits(token: str) -> frozenset[Decimal]:
    """Return the readings of digits with separators and nothing else; none where the groups make no number."""
    separators = [character for character in token if not character.isdigit()]
    if not separators:
        return frozenset((Decimal(token),))
    readings = set()
    last = separators[-1]
    if last in ".," and separators.count(last) == 1:
        whole, _, fraction = token.rpartition(last)
        if len(separators) == 1 or _is_grouped(whole):
            readings.add(Decimal(f"{_digits(whole) or '0'}.{fraction}"))
    if _is_grouped(token):
        readings.add(Decimal(_digits(token)))
    return frozenset(readings)


def _is_grouped(text: str) -> bool:
    separators = {character for character in text if not character.isdigit()}
    return len(separators) == 1 and _GROUPED.fullmatch(text) is not None


def _digits(text: str) -> str:
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdigit())
