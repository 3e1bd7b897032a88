"""Numbers in a document, found by value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from routing.cached_property import cached_property
from routing.normalisation.currencies import is_currency
from routing.normalisation.numbers import GROUP_SPACES, read_digits
from routing.verdict import Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

_SEPARATORS = ".,'\N{RIGHT SINGLE QUOTATION MARK}"
_NUMBER = re.compile(rf"[0-9](?:[0-9{_SEPARATORS}]*[0-9])?")
_SPACED_NUMBER = re.compile(rf"(?<![0-9])[0-9]{{1,3}}(?:[{GROUP_SPACES}][0-9]{{3}})+(?:[.,][0-9]+)?(?![0-9])")
_NOT_DIGITS = str.maketrans("", "", _SEPARATORS + GROUP_SPACES)
_LETTERS_BEFORE = re.compile(r"(?<![^\W_])[^\W\d_]{1,4}$")
_UNIT_AFTER = re.compile(r"[^\W\d_]{0,3}(?![^\W_])")  # 5kg, 9.00RM, 3rd
_CHARS_BEFORE = 5
_CENTS = 2
_GROUP = 3
_MAX_TRIES = 64  # beyond them the text is indexed, so that a hostile one costs no more than its length


class NumbersInText:
    """The numbers of one text, which has gone through `fold_letters`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, value: Decimal) -> Span | None:
        """Find a number as a token of its own: 9 is not found in 19, in 9.50 or in SH09.

        The sign is not compared, because documents print discounts and credits in many ways.
        """
        value = abs(value).normalize()
        return self._find_usual_form(value) or self._find_any_form(value)

    def _find_usual_form(self, value: Decimal) -> Span | None:
        for form in _usual_forms(f"{value:f}"):
            span = self._find_token(form)
            if span is not None:
                return span
        return None

    def _find_token(self, form: str) -> Span | None:
        end = 0
        for _ in range(_MAX_TRIES):
            start = self._text.find(form, end)
            if start < 0:
                return None
            end = start + len(form)
            if not self._is_within_digits(start, end) and self._is_alone(start, end):
                return Span(start, end)
        return None

    def _find_any_form(self, value: Decimal) -> Span | None:
        digits = _significant_digits(f"{value:f}")
        if digits not in self._without_separators:
            return None  # most numbers that are wrong; the text need not be taken apart for them
        for start, end in self._tokens.get(digits, ()):
            if value in read_digits(self._text[start:end]) and self._is_alone(start, end):
                return Span(start, end)
        return None

    @cached_property
    def _without_separators(self) -> str:
        """Return the text in which the digits of every number stand side by side, and others may."""
        return self._text.translate(_NOT_DIGITS)

    @cached_property
    def _tokens(self) -> dict[str, list[tuple[int, int]]]:
        """Where numbers stand, by their digits without outer zeros: whatever has one value has one key."""
        tokens: dict[str, list[tuple[int, int]]] = {}
        for match in self._matches():
            tokens.setdefault(_significant_digits(match.group()), []).append(match.span())
        return tokens

    def _matches(self) -> Iterator[re.Match[str]]:
        yield from _NUMBER.finditer(self._text)
        yield from _SPACED_NUMBER.finditer(self._text)

    def _is_within_digits(self, start: int, end: int) -> bool:
        """Whether digits go on before or after, with or without a separator between."""
        before, after = self._text[max(0, start - 2) : start], self._text[end : end + 2]
        return (
            before[-1:].isdigit()
            or after[:1].isdigit()
            or (before[-1:] in _SEPARATORS and before[:-1].isdigit())
            or (after[:1] in _SEPARATORS and after[1:].isdigit())
        )

    def _is_alone(self, start: int, end: int) -> bool:
        """Whether letters right before are a currency, and letters right after no more than a unit."""
        if _UNIT_AFTER.match(self._text, end) is None:
            return False
        if not self._text[start - 1 : start].isalpha():
            return True
        letters = _LETTERS_BEFORE.search(self._text[max(0, start - _CHARS_BEFORE) : start])
        return letters is not None and is_currency(letters.group())


def _usual_forms(plain: str) -> tuple[str, ...]:
    """Return a number with two decimals, so and with its thousands grouped, where it has no more; and as it is."""
    whole, _, decimals = plain.partition(".")
    if len(decimals) > _CENTS:
        return (plain,)
    cents = f"{whole}.{decimals:0<2}"
    return (cents, f"{int(whole):,}.{decimals:0<2}", plain) if len(whole) > _GROUP else (cents, plain)


def _significant_digits(token: str) -> str:
    return token.translate(_NOT_DIGITS).strip("0")
