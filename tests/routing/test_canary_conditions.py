"""A canary is judged by intervals that hold at every look: rolled back, promoted, or left to run."""

from __future__ import annotations

import random

import pytest

from routing.canary_conditions import Action, Arm, Judged, judge_canary
from routing.task import ConditionSpec

RUNS = 300
MOST_ITEMS = 3_000
LOOK_EVERY = 20
NO_DROP = ConditionSpec(pass_rate_drop=0)


def _arm(items: int, passed: int, cost: float = 1_000_000, spread: float = 0.2) -> Arm:
    return Arm(items, passed, items * cost, items * cost**2 * (1 + spread**2))


def _rolled_back_at(draw: random.Random, canary_rate: float, usual_rate: float, most: int) -> int | None:
    passed = [0, 0]
    for items in range(LOOK_EVERY, most + 1, LOOK_EVERY):
        for arm, rate in enumerate((canary_rate, usual_rate)):
            passed[arm] += sum(draw.random() < rate for _ in range(LOOK_EVERY))
        if judge_canary(_arm(items, passed[0]), _arm(items, passed[1]), NO_DROP, None):
            return items
    return None


def test_equal_models_are_seldom_rolled_back_however_often_one_looks() -> None:
    """Looked at every 20 items up to 3 000, no more than alpha of the runs ever act."""
    draw = random.Random(20261124)
    wrong = sum(_rolled_back_at(draw, 0.9, 0.9, MOST_ITEMS) is not None for _ in range(RUNS))
    assert wrong <= RUNS * (1 - NO_DROP.confidence)


def test_a_much_worse_model_is_rolled_back_soon() -> None:
    """15 points worse is seen within 2 000 items in at least 99 of 100 runs."""
    draw = random.Random(20261124)
    caught = sum(_rolled_back_at(draw, 0.75, 0.9, 2_000) is not None for _ in range(100))
    assert caught >= 99


def test_a_rollback_tells_both_arms_and_the_limit() -> None:
    """The sentence has the interval in points, the counts, and what was allowed."""
    judged = judge_canary(_arm(520, 312), _arm(4_800, 4_410), ConditionSpec(pass_rate_drop=0.03), None)
    assert judged == Judged(
        Action.ROLLBACK,
        "pass rate fell by 22.6 to 41.3 points (canary 312 of 520, usual 4 410 of 4 800), more than 3 allowed",
    )


@pytest.mark.parametrize(("cost", "reason"), [(1_500_000, "cost rose by 4"), (1_210_000, None), (1_000_000, None)])
def test_a_dearer_model_is_rolled_back_once_that_is_sure(cost: float, reason: str | None) -> None:
    """An observed rise just above the limit is not enough: the whole interval must lie above it."""
    judged = judge_canary(_arm(1_000, 900, cost), _arm(9_000, 8_100), ConditionSpec(cost_rise=0.2), None)
    if reason is None:
        assert judged is None
    else:
        assert judged is not None
        assert judged.reason.startswith(reason)
        assert judged.reason.endswith(" % (canary 1 000 items, usual 9 000), more than 20 allowed")


def test_all_that_is_stated_must_hold_to_promote() -> None:
    """A model as good and surely cheaper is promoted; one of the two alone is not enough."""
    promote_if = ConditionSpec(pass_rate_drop=0.05, cost_rise=-0.2)
    usual = _arm(9_000, 8_100)
    judged = judge_canary(_arm(5_000, 4_500, 500_000), usual, None, promote_if)
    assert judged is not None
    assert judged.action is Action.PROMOTE
    assert (
        "points (canary 4 500 of 5 000, usual 8 100 of 9 000), no more than 5 allowed; cost rose by -5" in judged.reason
    )
    assert judged.reason.endswith("no more than -20 allowed")
    assert judge_canary(_arm(5_000, 4_500), usual, None, promote_if) is None
    assert judge_canary(_arm(5_000, 4_100, 500_000), usual, None, promote_if) is None


def test_rolling_back_wins() -> None:
    """Where both conditions hold, the worse model does not take the tier."""
    worse, usual = _arm(5_000, 3_500, 500_000), _arm(9_000, 8_100)
    promote_if = ConditionSpec(cost_rise=0)
    alone, both = (judge_canary(worse, usual, rollback_if, promote_if) for rollback_if in (None, NO_DROP))
    assert (alone and alone.action, both and both.action) == (Action.PROMOTE, Action.ROLLBACK)


def test_too_few_items_decide_nothing() -> None:
    """No item, or fewer than the mean of a cost needs, is no reason to act, however far apart the arms seem."""
    both = ConditionSpec(pass_rate_drop=0.01, cost_rise=0.01)
    assert judge_canary(_arm(0, 0), _arm(0, 0), both, both) is None
    assert judge_canary(_arm(29, 29, 9_000_000), _arm(9_000, 8_100), both, both) is None
    assert judge_canary(_arm(5_000, 4_500), _arm(29, 29), both, both) is None


def test_nothing_stated_is_never_met() -> None:
    """Without a condition, or with one that gives no limit, a canary just runs."""
    best, usual = _arm(5_000, 5_000, 1), _arm(9_000, 8_100)
    assert judge_canary(best, usual, None, None) is None
    assert judge_canary(usual, best, ConditionSpec(), ConditionSpec()) is None


def test_more_stated_needs_more_to_be_sure() -> None:
    """Alpha is split over what is stated, so a second limit widens the interval of the first."""
    canary, usual = _arm(520, 312), _arm(4_800, 4_410)
    one = judge_canary(canary, usual, ConditionSpec(pass_rate_drop=0.03), None)
    two = judge_canary(canary, usual, ConditionSpec(pass_rate_drop=0.03, cost_rise=9), None)
    wider = judge_canary(canary, usual, ConditionSpec(pass_rate_drop=0.03, confidence=0.975), None)
    assert one != two == wider


@pytest.mark.parametrize(
    ("canary_cost", "usual_cost", "reason"),
    [
        (1_000_000, 0, "cost rose from nothing (canary 5 000 items, usual 9 000), more than 20 allowed"),
        (0, 0, "cost rose by 0.0 to 0.0 % (canary 5 000 items, usual 9 000), no more than 20 allowed"),
        (0, 1_000_000, "cost rose by -100.0 to -100.0 % (canary 5 000 items, usual 9 000), no more than 20 allowed"),
    ],
)
def test_models_that_cost_nothing_are_compared_too(canary_cost: float, usual_cost: float, reason: str) -> None:
    """A price where there was none is above every limit; nothing after nothing is no rise."""
    limit = ConditionSpec(cost_rise=0.2)
    judged = judge_canary(_arm(5_000, 4_500, canary_cost), _arm(9_000, 8_100, usual_cost), limit, limit)
    assert judged is not None
    assert judged.reason == reason


def test_an_open_end_is_told_as_such() -> None:
    """Where the usual cost may be next to nothing, a rise has no upper end."""
    judged = judge_canary(
        _arm(5_000, 4_500, 9_000_000, spread=0),
        _arm(9_000, 8_100, 1_000, spread=90),
        ConditionSpec(cost_rise=0.2),
        None,
    )
    assert judged is not None
    assert judged.reason.startswith("cost rose by at least ")
