"""The oracle finds what it is there to find."""

from __future__ import annotations

from tests.faults.oracle import Findings, judge


def test_nothing_wrong_is_nothing_found() -> None:
    """One result for each id and one answer for each document are as it should be."""
    assert judge(["a", "b"], {"a": 1, "b": 1}, {"small:1": 1, "large:1": 1, "small:2": 1}) == Findings(0, 0, 0)


def test_what_is_missing_or_twice_is_counted() -> None:
    """Each by itself: an id without a result, a second result, answers beyond the first."""
    found = judge(["a", "b", "c"], {"a": 2, "b": 0}, {"small:1": 3, "large:1": 2}, recovered_s=1.23)
    assert found == Findings(lost=2, duplicate_results=1, duplicate_paid_calls=3, recovered_s=1.2)


def test_a_result_nobody_asked_for_is_unexpected() -> None:
    """It is told in words, beside whatever else was found."""
    assert judge(["a"], {"a": 1, "z": 1}, {}, unexpected=["rain"]).unexpected == (
        "rain",
        "1 results of ids that nobody submitted: z",
    )
