"""What expressions can call, over JSON values with exact decimals.

Wrong values raise TypeError, ValueError or ArithmeticError, which make an expression one that cannot be evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Number = int | Decimal
_MAX_DIGITS = 15


def is_number(value: object) -> TypeGuard[Number]:
    """Whether a value is a JSON number; true and false are none."""
    return type(value) in (int, Decimal)


def number_operator(operate: Callable[[Any, Any], Any]) -> Callable[[object, object], Number]:
    """Let an operator of Python see numbers only: its text and list forms can fill the memory."""

    def apply(left: object, right: object) -> Number:
        if is_number(left) and is_number(right):
            result: Number = operate(left, right)
            return result
        raise TypeError("not a number")

    return apply


def divide(left: Number, right: Number) -> Decimal:
    """Divide exactly, to 28 digits."""
    return Decimal(left) / Decimal(right)


def plus(value: object) -> Number:
    """Return a number as it is."""
    return _number(value)


def minus(value: object) -> Number:
    """Return a number with its sign turned."""
    return -_number(value)


def contains(element: object, container: object) -> bool:
    """Whether a list has an element, or text has a part."""
    if isinstance(container, list):
        return element in container
    return _text(element) in _text(container)


def _absolute(value: object) -> Number:
    number = _number(value)
    return -number if number < 0 else number


def _length(value: object) -> int:
    if isinstance(value, str | list):
        return len(value)
    raise TypeError("neither text nor a list")


def _sum(values: object) -> Number:
    return sum(map(_number, _list(values)), start=0)


def _least(*values: object) -> object:
    return _choose(min, values)


def _greatest(*values: object) -> object:
    return _choose(max, values)


def _round(value: object, digits: object = 0) -> Decimal:
    if not isinstance(digits, int) or not 0 <= digits <= _MAX_DIGITS:
        raise ValueError(f"not 0 to {_MAX_DIGITS} digits")
    return Decimal(_number(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)  # as invoices round


def _lower(value: object) -> str:
    return _text(value).lower()


def _upper(value: object) -> str:
    return _text(value).upper()


def _matches(value: object, pattern: Any) -> bool:  # noqa: ANN401  a compiled re2 pattern
    return pattern.search(_text(value)) is not None


def _number(value: object) -> Number:
    if is_number(value):
        return value
    raise TypeError("not a number")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("not text")


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    raise TypeError("not a list")


def _choose(choose: Callable[[list[Any]], object], values: Sequence[object]) -> object:
    return choose(_list(values[0]) if len(values) == 1 else list(values))


@dataclass(frozen=True, slots=True)
class Function:
    """A function, how many arguments it takes, and how a person writes it."""

    call: Callable[..., object]
    least: int
    most: int
    usage: str


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_absolute, 1, 1, "abs(number)"),
    "len": Function(_length, 1, 1, "len(text or list)"),
    "sum": Function(_sum, 1, 1, "sum(list)"),
    "min": Function(_least, 1, 20, "min(list) or min(a, b, ...)"),
    "max": Function(_greatest, 1, 20, "max(list) or max(a, b, ...)"),
    "round": Function(_round, 1, 2, "round(number, digits)"),
    "lower": Function(_lower, 1, 1, "lower(text)"),
    "upper": Function(_upper, 1, 1, "upper(text)"),
    "matches": Function(_matches, 2, 2, 'matches(text, "pattern")'),
}
