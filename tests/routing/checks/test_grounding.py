from __future__ import annotations

import pytest

from routing.answer import ParsedAnswer
from routing.checks.check import CheckResult, Evidence
from routing.checks.grounding import GroundingCheck
from routing.completion import Completion, FinishReason, TokenUsage
from routing.grounding.source_text import SourceText
from routing.verdict import CheckName, Failure, Span

COMPLETION = Completion("{}", FinishReason.STOP, TokenUsage(1, 1), "small", 1.0)
NOT_FOUND = "its value is not found in the document"


def check(fields: list[str], output: dict[str, object], text: str = "ACME 24/03/18 total 9.00 tax 0.50") -> CheckResult:
    """Ground one output in one text."""
    return GroundingCheck(fields).check(Evidence(output, ParsedAnswer(output), COMPLETION, SourceText(text)))


def test_values_found_in_the_source_keep_their_place() -> None:
    """Numbers, dates and text are each found by what they mean."""
    result = check(["company", "date", "total"], {"company": "Acme", "date": "2018-03-24", "total": 9})
    assert result == CheckResult((), {"company": Span(0, 4), "date": Span(5, 13), "total": Span(20, 24)})


def test_a_value_that_is_not_in_the_source_fails_by_its_path() -> None:
    """Every element of a list and every member of an object is searched by itself."""
    output = {"lines": [{"amount": 9, "name": "ACME"}, {"amount": 8, "name": "tax"}], "tags": ["total", "x"]}
    result = check(["lines[*].amount", "lines", "tags"], output)
    assert result.failures == (
        Failure(CheckName.GROUNDING, "lines[1].amount", NOT_FOUND),
        Failure(CheckName.GROUNDING, "lines[1].amount", NOT_FOUND),
        Failure(CheckName.GROUNDING, "tags[1]", NOT_FOUND),
    )
    assert set(result.spans) == {"lines[0].amount", "lines[0].name", "lines[1].name", "tags[0]"}


def test_null_and_missing_values_are_no_claims() -> None:
    """Whether a field may be null is for the schema to say."""
    assert check(["company", "lines[*].amount", "seller.name"], {"company": None}) == CheckResult()


def test_empty_text_is_a_claim_that_cannot_be_found() -> None:
    """A model that found nothing has to say null."""
    assert check(["company"], {"company": ""}).failures == (Failure(CheckName.GROUNDING, "company", NOT_FOUND),)


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_cannot_be_grounded(value: object) -> None:
    """A yes or no stands nowhere in a document."""
    (failure,) = check(["paid"], {"paid": value}).failures
    assert failure.reason == "true and false cannot be found in a text"


def test_what_is_no_path_is_refused_when_it_is_compiled() -> None:
    """The task file's reader has told it before."""
    with pytest.raises(ValueError, match="field path"):
        GroundingCheck(["a["])
