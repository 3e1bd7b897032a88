from __future__ import annotations

from routing.checks.agreement import AgreementCheck
from routing.comparison import Comparison
from routing.verdict import CheckName, Failure


def test_fields_are_compared_as_the_task_says() -> None:
    """A field without a comparator is compared as text, and fields that were not chosen do not count."""
    check = AgreementCheck(("company", "date", "total"), Comparison({"date": "date", "total": "number"}))
    output = {"company": "ACME, Inc.", "date": "2018-03-24", "total": 9.0, "note": "a"}
    second = {"company": "Acme Inc", "date": "24/03/2018", "total": "9", "note": "b"}
    assert check.check(output, second) == ()


def test_each_field_that_differs_is_told() -> None:
    """A missing value differs from any other, and agrees with another missing one."""
    check = AgreementCheck(("company", "total", "date"), Comparison({}))
    assert check.check({"company": "A", "total": 1}, {"company": "B"}) == (
        Failure(CheckName.AGREEMENT, "company", "a second model says otherwise"),
        Failure(CheckName.AGREEMENT, "total", "a second model says otherwise"),
    )


def test_lists_agree_element_by_element() -> None:
    """Fewer lines are other lines."""
    check = AgreementCheck(("lines[*].amount",), Comparison({"lines[*].amount": "number"}))
    output = {"lines": [{"amount": 1}, {"amount": 2}]}
    assert check.check(output, {"lines": [{"amount": "1.0"}, {"amount": 2}]}) == ()
    assert len(check.check(output, {"lines": [{"amount": 1}]})) == 1
