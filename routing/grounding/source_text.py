"""A document's text, searched for values as they may be written there.

Each way to search prepares what it needs once per document, and only if it is asked. All are linear in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.cached_property import cached_property
from routing.grounding.dates import DatesInText
from routing.grounding.numbers import NumbersInText
from routing.grounding.words import WordsInText
from routing.normalisation.dates import date_readings
from routing.normalisation.numbers import number_readings
from routing.normalisation.text import fold_letters

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from routing.verdict import Span


class SourceText:
    """The text of one document. Spans are offsets into it as given."""

    def __init__(self, text: str) -> None:
        self.text = text

    def find(self, value: str | float) -> Span | None:
        """Find a number by value, a date by value, and any other text by its words.

        Text that is a number (`RM 9.20`) is searched as a number only, so that `9.00` is not found in `9/00`.
        """
        numbers = number_readings(value)
        if numbers:
            return self._find_number(numbers)
        assert isinstance(value, str)
        days = date_readings(value)
        found = self._dates.find(days, fold_letters(value.strip())) if days else None
        return found or self._words.find(value)

    def _find_number(self, readings: Iterable[Decimal]) -> Span | None:
        for reading in sorted(readings):
            span = self._numbers.find(reading)
            if span is not None:
                return span
        return None

    @cached_property
    def _letters(self) -> str:
        return fold_letters(self.text)

    @cached_property
    def _numbers(self) -> NumbersInText:
        return NumbersInText(self._letters)

    @cached_property
    def _dates(self) -> DatesInText:
        return DatesInText(self._letters)

    @cached_property
    def _words(self) -> WordsInText:
        return WordsInText(self.text)
