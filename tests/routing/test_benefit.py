"""When an escalation is known not to help."""

from __future__ import annotations

from routing.benefit import FixRate, is_hopeless
from routing.task import BenefitSpec
from routing.verdict import CheckName, Failure

SPEC = BenefitSpec(least=0.1, min_pairs=50)
TOTAL = Failure(CheckName.GROUNDING, "total", "")
LINE = Failure(CheckName.GROUNDING, "lines[3].amount", "")
NEVER_MENDED = {("grounding", "total"): FixRate(200, 1), ("grounding", "lines[*].amount"): FixRate(200, 2)}


def test_what_is_never_mended_is_hopeless() -> None:
    """One of 200 is surely less than a tenth; places in a list count together."""
    assert is_hopeless(SPEC, NEVER_MENDED, [TOTAL, LINE])


def test_one_failure_that_may_be_mended_is_worth_the_call() -> None:
    """Every failure has to be hopeless."""
    rates = NEVER_MENDED | {("grounding", "total"): FixRate(200, 60)}
    assert not is_hopeless(SPEC, rates, [TOTAL, LINE])


def test_nothing_is_hopeless_before_it_was_tried_often_enough() -> None:
    """Neither what was never tried, nor what was tried too rarely for the interval or for the spec."""
    assert not is_hopeless(SPEC, {}, [TOTAL])
    assert not is_hopeless(SPEC, {("grounding", "total"): FixRate(49, 0)}, [TOTAL])
    assert not is_hopeless(SPEC, {("grounding", "total"): FixRate(50, 3)}, [TOTAL])


def test_an_invalid_output_is_never_left_for_review() -> None:
    """Nobody can use what is no JSON or breaks the schema."""
    rates = {("schema", "total"): FixRate(1000, 0), ("parse", ""): FixRate(1000, 0)}
    assert not is_hopeless(SPEC, rates, [Failure(CheckName.SCHEMA, "total", "")])
    assert not is_hopeless(SPEC, rates, [Failure(CheckName.PARSE, "", "")])
