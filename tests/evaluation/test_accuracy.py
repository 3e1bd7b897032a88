"""A field is right where it compares as the task says; what is missing is wrong."""

from __future__ import annotations

import pytest

from evaluation.accuracy import AccuracyCount
from routing.comparison import Comparison


def test_each_field_is_compared_in_its_own_way() -> None:
    """Numbers by value where the task says so; letter case and punctuation do not count where it says nothing."""
    count = AccuracyCount(Comparison({"total": "number"}))
    count.add({"total": "9.00", "shop": "Corner"}, {"total": 9, "shop": "Other"})
    count.add({"total": 8, "shop": "Corner"}, {"total": 9, "shop": "Corner"})
    result = count.result()
    assert result is not None
    assert (result.items, result.macro, dict(result.fields)) == (2, 0.5, {"total": 0.5, "shop": 0.5})


@pytest.mark.parametrize("output", [None, {}])
def test_what_is_missing_is_wrong(output: dict[str, object] | None) -> None:
    """An item without an output has no field right."""
    count = AccuracyCount(Comparison({}))
    count.add(output, {"total": 9})
    result = count.result()
    assert result is not None
    assert result.macro == 0


def test_a_label_of_null_expects_null() -> None:
    """Finding nothing where there is nothing is right, but only where there is an output at all."""
    count = AccuracyCount(Comparison({}))
    count.add({"total": None}, {"total": None})
    count.add(None, {"total": None})
    result = count.result()
    assert result is not None
    assert result.macro == 0.5


def test_without_labels_there_is_no_accuracy() -> None:
    """Nothing is claimed where nothing was labelled."""
    assert AccuracyCount(Comparison({})).result() is None
