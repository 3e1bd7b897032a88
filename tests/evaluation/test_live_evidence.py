"""What measured items tell of all the others."""

from __future__ import annotations

import pytest

from evaluation.live_evidence import Difference, live_evidence
from evaluation.pair_comparison import PairComparison
from evaluation.statistics.safety import Safety
from storage.evidence import HeldPair
from tests.support.ended_jobs import RECEIPT

COMPARE = PairComparison(RECEIPT)
SAME = HeldPair("same", '{"total":9}', '{"total": 9.00}', 1_000, 10_000, 50, 80)
OTHER = HeldPair("other", '{"total":9}', '{"total": 8}', 1_000, 20_000, 50, 40)
UNREADABLE = HeldPair("unreadable", '{"total":9}', "I cannot help with that.", 1_000, 10_000, 50, 80)


def test_an_item_differs_where_a_field_does_as_the_task_compares_them() -> None:
    """9 is 9.00 for a number; the items that differ are shown with both values, money and times as means."""
    found = live_evidence([SAME, OTHER], COMPARE, 1.0)
    assert found is not None
    assert (found.pairs, found.differing) == (2, 1)
    assert found.differences == (Difference("other", "total", 9, 8),)
    assert (found.last_cost_nano_usd.mean, found.faster_ms.mean) == (15_000, 10)
    assert found.wrong.low < 0.5 < found.wrong.high


def test_a_field_only_one_of_both_has_differs() -> None:
    """It counts as missing in the other."""
    left_out = HeldPair("a", '{"total":9}', "{}", 1, 1, 1, 1)
    added = HeldPair("b", '{"total":9}', '{"total": 9, "company": "ACME"}', 1, 1, 1, 1)
    found = live_evidence([left_out, added], COMPARE, 1.0)
    assert found is not None
    assert found.differences == (Difference("a", "total", 9, None), Difference("b", "company", None, "ACME"))


@pytest.mark.parametrize("pairs", [[], [UNREADABLE]])
def test_nothing_readable_is_no_evidence(pairs: list[HeldPair]) -> None:
    """Not a share of 0 of 0."""
    assert live_evidence(pairs, COMPARE, 1.0) is None


def test_what_the_last_tier_answered_anyway_loses_nothing() -> None:
    """The loss is a share of all items, of which only some were accepted below."""
    found = live_evidence([OTHER] * 100, COMPARE, 0.25)
    assert found is not None
    assert (found.lost.low, found.lost.high) == (found.wrong.low / 4, found.wrong.high / 4)
    assert found.lost.high == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("same", "other", "accepted", "safety"),
    [
        (3000, 0, 1.0, Safety.SAFE),
        (40, 0, 1.0, Safety.NOT_ENOUGH_DATA),
        (3000, 600, 1.0, Safety.TOO_AGGRESSIVE),
        (20_000, 850, 1.0, Safety.WATCH),
        (3000, 600, 0.1, Safety.SAFE),
    ],
)
def test_the_verdict_follows_from_the_interval(same: int, other: int, accepted: float, safety: Safety) -> None:
    """At 3 points of margin: safe below it, too aggressive above 5 points, and silent where the interval is wide."""
    found = live_evidence([SAME] * same + [OTHER] * other, COMPARE, accepted, 0.03)
    assert found is not None
    assert found.safety is safety
