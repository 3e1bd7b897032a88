"""Which answers a person labels, and what the labels tell of the others."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evaluation.audit import RANDOM, draw, estimate, newest_estimate
from storage.audits import AcceptedItem

if TYPE_CHECKING:
    from collections.abc import Collection


def _item(number: int, name: str = "item") -> AcceptedItem:
    return AcceptedItem(
        1,
        number,
        f"{name}-{number}",
        needs_review=False,
        confidence=None,
        probability=None,
        picked=False,
        output=None,
        expected=None,
        ended_ms=number,
    )


def _is_wrong(item: AcceptedItem) -> bool:
    return item.expected == "wrong"


def _labelled(items: list[AcceptedItem], count: int, wrong: Collection[int], doubtful: int = 50) -> list[AcceptedItem]:
    """Hand out items, of which two models disagree on the first ones, and let a person label all of them."""
    drawn = draw(items, {(1, number) for number in range(doubtful)}, count)
    handed = {chosen.item.key for chosen in drawn.chosen}
    picks = {item.key for item in drawn.new_picks}
    return [
        replace(
            item,
            picked=item.picked or item.key in picks,
            expected=("wrong" if item.position in wrong else "right") if item.key in handed else item.expected,
        )
        for item in items
    ]


def test_half_are_the_most_doubtful_and_half_are_drawn() -> None:
    """Two models that disagree come first, then what the model or the classifier was least sure of."""
    items = [_item(number) for number in range(100)]
    items[3] = replace(items[3], confidence=0.6)
    items[4] = replace(items[4], confidence=0.9, probability=0.55)
    items[5] = replace(items[5], needs_review=True)
    drawn = draw(items, {(1, 7)}, 8)
    doubtful = [(chosen.item.position, chosen.why, chosen.probability) for chosen in drawn.chosen[:4]]
    assert sorted(doubtful[:2]) == [(5, "a check failed", 1.0), (7, "two models disagree", 1.0)]
    assert doubtful[2:] == [(4, "the classifier gave it 0.55", 1.0), (3, "confidence 0.60", 1.0)]
    assert [chosen.why for chosen in drawn.chosen[4:]] == [RANDOM] * 4
    assert {chosen.probability for chosen in drawn.chosen[4:]} == {4 / 96}
    assert len({chosen.item.key for chosen in drawn.chosen}) == 8


def test_without_doubts_all_are_drawn() -> None:
    """Nothing tells them apart."""
    drawn = draw([_item(number) for number in range(100)], (), 10)
    assert [chosen.why for chosen in drawn.chosen] == [RANDOM] * 10


def test_what_was_handed_out_is_handed_out_again_until_it_has_a_label() -> None:
    """The same ten as long as nobody labels them; then ten others."""
    items = [_item(number) for number in range(100)]
    disagreeing = {(1, 0), (1, 1), (1, 2)}
    first = draw(items, disagreeing, 4)
    picks = {item.key for item in first.new_picks}
    waiting = [replace(item, picked=item.key in picks) for item in items]
    again = draw(waiting, disagreeing, 4)
    assert {chosen.item.key for chosen in again.chosen} == {chosen.item.key for chosen in first.chosen}
    assert again.new_picks == ()
    after = draw(_labelled(items, 4, (), doubtful=3), disagreeing, 4)
    assert not {chosen.item.key for chosen in after.chosen} & {chosen.item.key for chosen in first.chosen}


def test_the_estimate_is_unbiased_and_its_interval_covers() -> None:
    """Doubtful ones are wrong ten times as often as others, and half of the labels are theirs; 400 populations."""
    shares = []
    missed = 0
    for seed in range(400):
        chance = random.Random(seed)
        wrong = {number for number in range(300) if chance.random() < (0.5 if number < 50 else 0.05)}
        items = [_item(number, f"population-{seed}") for number in range(300)]
        for _ in range(2):  # two audits, the second going on where the first ended
            items = _labelled(items, 60, wrong)
        found = estimate(items, 300, _is_wrong)
        assert found.share is not None
        assert found.picked_labelled + found.random_labelled == 120
        shares.append(found.share - len(wrong) / 300)
        missed += not found.interval.low <= len(wrong) / 300 <= found.interval.high
    assert sum(shares) / 400 == pytest.approx(0, abs=0.004)
    assert missed <= 400 * 0.05


def test_where_a_label_is_missing_the_sample_ends() -> None:
    """Which documents are left out may depend on what they are; doubtful ones without a label may be either."""
    items = _labelled([_item(number) for number in range(300)], 40, ())
    drawn = [item for item in items if item.expected and not item.picked]
    gap = min(drawn, key=lambda item: item.position)
    picked = next(item for item in items if item.picked)
    open_ones = {gap.key, picked.key}
    found = estimate(
        [replace(item, expected=None) if item.key in open_ones else item for item in items], 300, _is_wrong
    )
    whole = estimate(items, 300, _is_wrong)
    assert found.random_labelled < whole.random_labelled == 20
    assert (found.picked, found.picked_labelled, whole.picked_labelled) == (20, 19, 20)
    assert found.interval.high > whole.interval.high


def test_everything_labelled_leaves_no_doubt() -> None:
    """The share is what it is."""
    items = [replace(_item(number), expected="wrong" if number < 3 else "right") for number in range(10)]
    found = estimate(items, 10, _is_wrong)
    assert found.share == pytest.approx(0.3)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.3, 0.3))


def test_without_a_label_nothing_is_known() -> None:
    """No share, and an interval from nothing to all."""
    found = estimate([_item(number) for number in range(10)], 10, _is_wrong)
    assert (found.share, found.interval.low, found.interval.high) == (None, 0, 1)


def test_what_came_after_a_draw_waits_for_the_next() -> None:
    """The estimate stands for the items that were drawn from."""
    items = _labelled([_item(number) for number in range(300)], 40, ())
    more = [*items, *(_item(number) for number in range(300, 900))]
    found = newest_estimate(more, [900, 299], _is_wrong)
    assert found is not None
    assert (found.until_ms, found.population, found.random_labelled) == (299, 300, 20)
    assert newest_estimate(more, [], _is_wrong) is None


def test_documents_that_ran_again_leave_the_labels_of_the_first_time() -> None:
    """An estimate is of the items there were when they were drawn; a new draw is of the newest of each name."""
    items = _labelled([_item(number) for number in range(300)], 40, ())
    again = [replace(_item(number), job_id=2, ended_ms=1_000) for number in range(300)]
    found = newest_estimate([*again, *items], [1_000, 299], _is_wrong)
    assert found is not None
    assert (found.until_ms, found.population, found.random_labelled) == (299, 300, 20)
    assert {chosen.item.job_id for chosen in draw([*again, *items], (), 10).chosen} == {2}
