"""What is derived from labelled documents, beside the promise: costs, and what no signal can do without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.calibration.cost import cost_of, costs_by_threshold
from evaluation.calibration.derivation import Goal, derive
from evaluation.calibration.item import CalibrationItem, Signal

MARGIN = 0.03
VALUES = (0.0, 0.25, 0.5, 0.75, 1.0)


def _item(
    confidence: float, agreement: float, *, passes: bool = True, starts_cheap: bool = True, worse: bool = False
) -> CalibrationItem:
    return CalibrationItem(
        custom_id="one",
        stratum="",
        starts_cheap=starts_cheap,
        passes=passes,
        signals={Signal.CONFIDENCE: confidence, Signal.AGREEMENT: agreement},
        first_right=not worse,
        last_right=True,
        first_cost=10,
        opinion_cost=5,
        last_cost=100,
    )


ITEMS = st.lists(
    st.builds(
        _item, st.sampled_from(VALUES), st.sampled_from(VALUES), passes=st.booleans(), starts_cheap=st.booleans()
    ),
    max_size=20,
)


@given(items=ITEMS, signal=st.sampled_from([Signal.CONFIDENCE, Signal.AGREEMENT]), typed=st.sampled_from(VALUES))
def test_the_cost_of_many_thresholds_is_that_of_each(
    items: list[CalibrationItem], signal: Signal, typed: float
) -> None:
    """One pass over the documents gives what counting them for each threshold does, at 0 and between values too."""
    other = Signal.AGREEMENT if signal is Signal.CONFIDENCE else Signal.CONFIDENCE
    thresholds = [0.0, 0.1, *VALUES[1:]]
    assert costs_by_threshold(items, {other: typed}, signal, thresholds) == [
        sum(cost_of(item, {other: typed, signal: threshold}) for item in items) for threshold in thresholds
    ]


@pytest.mark.parametrize("losses", [4, 10, 40, 99])
def test_less_than_must_be_refused_cannot_be_enough(losses: int) -> None:
    """A signal that knows every loss and refuses only losses needs (m - a) / (1 - a) of a hundred documents."""
    derived = derive([_item(1, 1, worse=number < losses) for number in range(100)], Goal(MARGIN, 0.95, {}))
    assert derived.base_risk == losses / 100
    enough = next(refused for refused in range(101) if losses - refused <= MARGIN * (100 - refused))
    assert enough - 1 < derived.must_refuse(MARGIN) * 100 <= enough
    assert derived.must_refuse(MARGIN) == pytest.approx((losses / 100 - MARGIN) / (1 - MARGIN))


def test_nothing_must_be_refused_within_the_margin() -> None:
    """Where all may stand, no share of it is named."""
    derived = derive([_item(1, 1, worse=number < 3) for number in range(100)], Goal(MARGIN, 0.95, {}))
    assert derived.must_refuse(MARGIN) == 0
