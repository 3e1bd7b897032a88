"""Shares are stable, uniform and independent; promoted and tried models stand in their tiers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import UsageError
from routing.rollout import Rollout, TierOverride, share_point
from routing.rollout_changes import (
    ROLLBACK,
    held_out,
    promoted,
    ramped,
    rolled_back,
    version_before,
    with_canary,
    without_canary,
)
from routing.task import CanarySpec, FrozenTask, JsonSchema, RolloutSpec, TierSpec

CANARY = CanarySpec(tier="cheap", model="new", share=10, system="Be new.")
TASK = FrozenTask(
    name="t",
    output=JsonSchema(json_schema={}),
    tiers=tuple(TierSpec(name=name, model=name, system="s", user="u") for name in ("cheap", "expensive")),
)
ITEMS = 20_000
Z_999 = 3.2905  # the two-sided 99.9 % point of the normal distribution


@pytest.mark.parametrize("share", [1.0, 10.0, 30.0, 60.0, 97.5])
@pytest.mark.parametrize("kind", ["ramp", "holdout", "canary"])
def test_a_share_of_many_items_is_what_it_says(share: float, kind: str) -> None:
    """Within the binomial 99.9 % interval on 20 000 items."""
    rollout = Rollout(ramp=share, holdout=share, canary=CANARY.model_copy(update={"share": share}))
    falls: Callable[[str, str], bool] = {
        "ramp": rollout.may_start_cheap,
        "holdout": rollout.is_holdout,
        "canary": rollout.is_canary,
    }[kind]
    counted = sum(falls("receipts", f"item-{number}") for number in range(ITEMS))
    expected = share / 100
    assert abs(counted / ITEMS - expected) <= Z_999 * (expected * (1 - expected) / ITEMS) ** 0.5


def test_the_shares_are_drawn_independently() -> None:
    """Being in the ramp says nothing about being held out."""
    rollout = Rollout(ramp=50, holdout=50, canary=CANARY.model_copy(update={"share": 50}))
    names = [f"item-{number}" for number in range(ITEMS)]
    both = sum(rollout.may_start_cheap("t", name) and rollout.is_holdout("t", name) for name in names)
    tried = sum(rollout.is_canary("t", name) and rollout.is_holdout("t", name) for name in names)
    for counted in (both, tried):
        assert abs(counted / ITEMS - 0.25) <= Z_999 * (0.25 * 0.75 / ITEMS) ** 0.5


def test_an_item_falls_alike_in_every_process() -> None:
    """Python's own hash differs between processes; this one does not."""
    program = "from routing.rollout import share_point; print(share_point('t', 'a/ä/\\ud800', 's'))"
    told = {
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
        for _ in range(2)
    }
    assert told == {str(share_point("t", "a/ä/\ud800", "s"))}


@given(st.text(), st.text(), st.floats(0, 100), st.floats(0, 100))
def test_raising_the_ramp_only_adds_items(task: str, item: str, one: float, other: float) -> None:
    """What started cheap goes on doing so; nothing and everything are exact."""
    low, high = sorted((one, other))
    assert Rollout(ramp=low).may_start_cheap(task, item) <= Rollout(ramp=high).may_start_cheap(task, item)
    assert Rollout(ramp=100).may_start_cheap(task, item)
    assert not Rollout(ramp=0).may_start_cheap(task, item)


def test_another_salt_draws_other_items() -> None:
    """So that the same documents need not be the guinea pigs twice."""
    one, other = Rollout(ramp=50, salt="a"), Rollout(ramp=50, salt="b")
    names = [str(number) for number in range(1000)]
    assert any(one.may_start_cheap("t", name) != other.may_start_cheap("t", name) for name in names)


def test_a_task_file_says_how_a_rollout_begins() -> None:
    """Its revision is 0."""
    rollout = Rollout.of_task(RolloutSpec(ramp=30, holdout=2, canary=CANARY, salt="x"))
    assert rollout == Rollout(revision=0, ramp=30, holdout=2, canary=CANARY, salt="x")
    assert rollout.version == "rollout:0"


def test_a_promoted_model_takes_its_tier_and_the_canary_is_tried_beside_it() -> None:
    """Prompts that are not given are the tier's own."""
    rollout = Rollout(promoted={"expensive": TierOverride(model="best", user="?")}, canary=CANARY)
    tiers = {tier.name: (tier.model, tier.system, tier.user) for tier in rollout.applied(TASK).tiers}
    assert tiers == {"cheap": ("cheap", "s", "u"), "expensive": ("best", "s", "?")}
    tried = rollout.with_canary(TASK)
    assert tried is not None
    assert [(tier.model, tier.system) for tier in tried.tiers] == [("new", "Be new."), ("best", "s")]
    assert Rollout().with_canary(TASK) is None
    assert not Rollout().is_canary("t", "a")


def test_promoting_gives_the_tier_to_the_canary() -> None:
    """It is a canary no more."""
    now = promoted(with_canary(Rollout(), CANARY))
    assert (now.canary, now.promoted) == (None, {"cheap": TierOverride(model="new", system="Be new.")})
    with pytest.raises(UsageError, match="no canary"):
        promoted(now)


def test_a_canary_that_goes_on_through_a_rollback_keeps_what_is_known_of_it() -> None:
    """Only one that a rollback sets again is judged anew."""
    canary = with_canary(Rollout(revision=1), CANARY)
    ramp = ramped(canary.model_copy(update={"revision": 2}), 30).model_copy(update={"revision": 3})
    assert rolled_back([("canary", canary), ("ramp", ramp)], Rollout()).canary_since == 2
    ended = without_canary(ramp).model_copy(update={"revision": 4})
    again = rolled_back([("canary", canary), ("ramp", ramp), ("end", ended)], Rollout())
    assert (again.canary, again.canary_since) == (CANARY, 5)


def _of_versions(*steps: tuple[str, int | None]) -> list[tuple[str, Rollout]]:
    return [(action, Rollout(classifier=version)) for action, version in steps]


ONE, TWO, UNDONE = ("classifier 1", 1), ("classifier 2", 2), "classifier rollback"


@pytest.mark.parametrize(
    ("steps", "before"),
    [
        ([ONE], None),
        ([ONE, ("ramp", 1), TWO, ("ramp", 2)], 1),
        ([ONE, TWO, (UNDONE, 1)], None),
        ([ONE, TWO, ONE], 2),
        ([ONE, TWO, ONE, (UNDONE, 2)], 1),
        ([ONE, ONE], None),
        ([ONE, TWO, (ROLLBACK, 1)], None),
        ([ONE, TWO, (UNDONE, 1), (ROLLBACK, 2)], 1),
        ([ONE, TWO, (UNDONE, 1), (UNDONE, 2)], None),
    ],
)
def test_versions_are_undone_one_by_one(steps: list[tuple[str, int | None]], before: int | None) -> None:
    """Whatever else was changed in between; the last row is a history from when rolling back went to and fro."""
    assert version_before(_of_versions(*steps), "classifier") == before


@pytest.mark.parametrize("steps", [[], [ONE, (UNDONE, None)], [ONE, (ROLLBACK, None)]])
def test_where_no_version_is_active_none_is_undone(steps: list[tuple[str, int | None]]) -> None:
    """It is refused."""
    with pytest.raises(UsageError, match="no active classifier"):
        version_before(_of_versions(*steps), "classifier")


def test_rolling_back_twice_undoes_two_changes() -> None:
    """And then nothing is left."""
    beginning = Rollout(ramp=10)
    first = ramped(beginning, 30)
    second = held_out(first, 5)
    changes = [("ramp", first), ("holdout", second)]
    assert rolled_back(changes, beginning) == first
    ended = rolled_back([*changes, (ROLLBACK, first)], beginning)
    assert (ended.ramp, ended.holdout, ended.follows_file) == (10, 0, True)
    with pytest.raises(UsageError, match="no change"):
        rolled_back([*changes, (ROLLBACK, first), (ROLLBACK, beginning)], beginning)
    again = ramped(first, 40)
    assert rolled_back([*changes, (ROLLBACK, first), ("ramp", again)], beginning) == first
