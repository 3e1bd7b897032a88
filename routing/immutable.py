"""Values that nobody changes, and that cost little to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Return a class as a dataclass with slots that type checkers hold to be frozen.

    At run time nothing does: a frozen one takes 0.4 microseconds to make and this one 0.1 (three fields, Python 3.11),
    and each call of a model makes two dozen of them.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
