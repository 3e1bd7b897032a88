"""Whether two answers about one document say the same."""

from __future__ import annotations

from evaluation.pair_comparison import PairComparison
from routing.task import ChecksSpec, ConfidenceSpec, FrozenTask, PydanticSchema, TierSpec
from tests.support.ended_jobs import RECEIPT

TIERS = (TierSpec(name="cheap", model="small", system="", user="{{ text }}"),)
SOURCE = """
from pydantic import BaseModel

class Bill(BaseModel):
    total: float
    currency: str = "EUR"
"""
BILL = FrozenTask(
    name="bills",
    output=PydanticSchema(
        source=SOURCE,
        class_name="Bill",
        json_schema={"type": "object", "properties": {"total": {"type": "number"}, "currency": {"type": "string"}}},
    ),
    tiers=TIERS,
)


def test_a_field_either_of_them_has_is_compared() -> None:
    """Left out in the accepted answer or in the other: both are told, with the values of both."""
    compare = PairComparison(RECEIPT)
    assert compare.differing('{"total": 9}', '{"total": 9.0, "company": "ACME"}') == {"company": (None, "ACME")}
    assert compare.differing('{"total": 9, "company": "ACME"}', '{"total": 9}') == {"company": ("ACME", None)}
    assert compare.differing('{"total": 9, "company": null}', '{"total": 9}') == {}


def test_an_answer_is_read_in_the_form_of_the_schema() -> None:
    """A default that the model did not write is no difference."""
    assert PairComparison(BILL).differing('{"total": 9.0, "currency": "EUR"}', '{"total": 9}') == {}


def test_a_confidence_that_was_asked_for_is_no_field() -> None:
    """A self-reported confidence is in what a model wrote, and in no output."""
    task = RECEIPT.model_copy(update={"checks": ChecksSpec(confidence=ConfidenceSpec(min=0.5, source="self_report"))})
    assert PairComparison(task).differing('{"total": 9}', '{"total": 9, "confidence": 0.9}') == {}


def test_without_the_packages_of_its_schema_answers_are_read_as_they_are() -> None:
    """A report is read on any machine."""
    output = BILL.output.model_copy(update={"source": f"import a_package_that_is_not_here\n{SOURCE}"})
    task = BILL.model_copy(update={"output": output})
    assert PairComparison(task).differing('{"total": 9}', '{"total": 8}') == {"total": (9, 8)}


def test_what_is_no_answer_says_nothing() -> None:
    """Neither alike nor different."""
    assert PairComparison(RECEIPT).differing("{}", "I cannot help with that.") is None
