"""Bets against the claim that nothing has changed."""

from __future__ import annotations

import random

import pytest

from routing.drift.change_bets import ChangeBets
from routing.drift.ranked_bag import RankedBag


def test_a_bet_is_fair() -> None:
    """Whatever came before, the expected wealth after a bet is the wealth before it."""
    draw = random.Random(1)
    history = [draw.random() < 0.3 for _ in range(40)]

    def wealth(events: list[bool]) -> float:
        bets = ChangeBets(1)
        return [bets.bet([(0.3, event)]) for event in events][-1]

    for length in (1, 10, 40):
        before = history[:length]
        expected = 0.3 * wealth([*before, True]) + 0.7 * wealth([*before, False])
        assert expected == pytest.approx(wealth(before))


def test_events_more_frequent_than_they_should_be_make_rich() -> None:
    """And so do less frequent ones; those as frequent as they should be do not."""
    frequent, seldom, usual = ChangeBets(1), ChangeBets(1), ChangeBets(1)
    for number in range(300):
        rich = frequent.bet([(0.2, number % 2 == 0)]), seldom.bet([(0.5, number % 5 == 0)])
        poor = usual.bet([(0.2, number % 5 == 0)])
    assert min(rich) > 400
    assert poor < 1


def test_ranks_are_evenly_spread_while_nothing_changes() -> None:
    """Of ties as well: a quarter of the ranks lies in each quarter."""
    draw = random.Random(2)
    bag = RankedBag(2)
    ranks = [bag.add(int(draw.random() < 0.9), draw.random()) for _ in range(4_000)]
    for quarter in range(4):
        assert sum(quarter / 4 <= rank < (quarter + 1) / 4 for rank in ranks) / 4_000 == pytest.approx(0.25, abs=0.03)


def test_groups_are_ranked_apart() -> None:
    """The first of a group says nothing, however many there are of another one."""
    bag = RankedBag(2)
    for _ in range(100):
        bag.add(1, 0.5)
    assert bag.add(0, 0.25, group=1) == 0.25
    assert bag.share_of(0) == pytest.approx((0, 0.5 / 101))
