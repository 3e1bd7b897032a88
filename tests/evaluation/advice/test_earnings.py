"""Which tiers and rules earn what they cost."""

from __future__ import annotations

import pytest

from evaluation.advice.case import Costs
from evaluation.advice.earnings import Earns, last_tier, lower_tier, rule
from routing.confidence_sequence import Interval

CHEAP, LAST = Costs(1_000, 10.0, 1.0), Costs(1_000, 100.0, 10.0)
SAVING = Interval(20.0, 40.0)


@pytest.mark.parametrize(
    ("visits", "accepted", "earns"),
    [
        (1_000, 500, Earns.EARNS),
        (1_000, 50, Earns.EARNS_NOTHING),
        (1_000, 100, Earns.NOT_ENOUGH_DATA),
        (20, 4, Earns.NOT_ENOUGH_DATA),
        (0, 0, Earns.NOT_ENOUGH_DATA),
    ],
)
def test_a_tier_earns_where_what_it_spares_exceeds_its_calls(visits: int, accepted: int, earns: Earns) -> None:
    """At a tenth of the last tier's cost it breaks even with one accepted in ten."""
    assert lower_tier(visits, accepted, CHEAP, LAST, 0.95).earns is earns


def test_a_tier_tells_how_many_documents_more_would_show_it() -> None:
    """With those, alike, it is shown."""
    told = lower_tier(100, 14, CHEAP, LAST, 0.95)
    assert told.more_needed is not None
    visits = 100 + told.more_needed
    assert lower_tier(visits, round(visits * 0.14), CHEAP, LAST, 0.95).earns is Earns.EARNS


@pytest.mark.parametrize(
    ("asked", "mended", "earns"),
    [
        (100, 80, Earns.EARNS),
        (100, 0, Earns.EARNS_NOTHING),
        (10, 0, Earns.NOT_ENOUGH_DATA),
        (0, 0, Earns.NOT_ENOUGH_DATA),
    ],
)
def test_a_last_tier_earns_by_what_it_mends(asked: int, mended: int, earns: Earns) -> None:
    """One document in twenty is the least."""
    assert last_tier(asked, mended, 0.95).earns is earns


@pytest.mark.parametrize(
    ("matched", "documents", "to_first", "to_last", "saving", "earns"),
    [
        (0, 500, False, True, SAVING, Earns.EARNS_NOTHING),
        (0, 100, False, True, SAVING, Earns.NOT_ENOUGH_DATA),
        (50, 500, True, False, SAVING, Earns.EARNS_NOTHING),
        (50, 500, False, True, SAVING, Earns.DEPENDS),
        (50, 500, False, True, Interval(-9.0, -1.0), Earns.EARNS),
        (50, 500, False, False, SAVING, Earns.DEPENDS),
    ],
)
def test_a_rule_earns_nothing_where_it_changes_nothing(
    *, matched: int, documents: int, to_first: bool, to_last: bool, saving: Interval, earns: Earns
) -> None:
    """It matches nothing, or sends documents where they start without it."""
    found = rule(matched, documents, saving, to_first=to_first, to_last=to_last, confidence=0.95)
    assert found.earns is earns


def test_a_rule_that_skips_tiers_tells_what_it_gives_away() -> None:
    """What the cascade would have saved for each of its documents."""
    found = rule(50, 500, SAVING, to_first=False, to_last=True, confidence=0.95)
    assert found.per_item_nano_usd == Interval(-40.0, -20.0)
