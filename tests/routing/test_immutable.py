"""Values of a call behave as frozen dataclasses do, but for what type checkers see to."""

from __future__ import annotations

import pickle
from dataclasses import field, fields

import pytest

from routing.immutable import immutable


@immutable
class Place:
    """Where something is."""

    row: int
    column: int = 0
    note: str = field(default="", compare=False)


def test_equal_values_are_one_key() -> None:
    """Fields that are not compared do not count."""
    assert Place(1, note="here") == Place(1, note="there")
    assert len({Place(1), Place(1, note="there"), Place(2)}) == 2
    assert Place(1) != (1, 0, "")


def test_a_value_travels_and_has_nothing_but_its_fields() -> None:
    """It holds what it declares."""
    assert pickle.loads(pickle.dumps(Place(1, 2))) == Place(1, 2)
    assert [one.name for one in fields(Place)] == ["row", "column", "note"]  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        object.__setattr__(Place(1), "another", 1)
