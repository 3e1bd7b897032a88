from __future__ import annotations

import pytest

from routing.decision import Cause, Decision, Layer
from routing.escalation import Accept, Escalate, Fail, next_step
from routing.task import FrozenTask, JsonSchema, TierSpec
from routing.verdict import CheckName, Failure, Verdict

TASK = FrozenTask(
    name="receipt",
    output=JsonSchema(json_schema={}),
    tiers=tuple(TierSpec(name=name, model=name, system="", user="") for name in ("cheap", "middle", "expensive")),
)
PASSED = Verdict({"total": 1})
FAILED = Verdict({"total": 1}, (Failure(CheckName.RULES, "total", "wrong"),))


@pytest.mark.parametrize("tier", ["cheap", "middle", "expensive"])
def test_a_passed_verdict_is_accepted_on_every_tier(tier: str) -> None:
    """No second call is made for an answer that is good enough."""
    assert next_step(TASK, tier, PASSED) == Accept()


@pytest.mark.parametrize(("tier", "following"), [("cheap", "middle"), ("middle", "expensive")])
def test_a_failed_verdict_goes_one_tier_up(tier: str, following: str) -> None:
    """The decision says which layer took it, and why."""
    assert next_step(TASK, tier, FAILED) == Escalate(Decision(following, Layer.ESCALATION, Cause.VERDICT_FAILED))


def test_a_failed_verdict_on_the_last_tier_fails_the_item() -> None:
    """There is nobody left to ask but a person."""
    assert next_step(TASK, "expensive", FAILED) == Fail()


def test_a_tier_the_task_does_not_have_is_an_error() -> None:
    """A misspelt tier neither escalates nor fails an item."""
    with pytest.raises(ValueError, match="middel"):
        next_step(TASK, "middel", FAILED)
