"""Ranges for the ways documents could be run, from past ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.planning.duration import Pace, duration_s
from evaluation.planning.forecast import always_last, cheap_only, routed
from evaluation.planning.history import ENOUGH, History, TierHistory, Visit
from evaluation.planning.survey import Bound, Survey
from routing.confidence_sequence import Interval

CHEAP = Visit(characters=400, calls=1, input_tokens=100, output_tokens=10, cost_nano_usd=1_000, busy_ms=200)
LAST = replace(CHEAP, cost_nano_usd=10_000, busy_ms=400)


def _survey(documents: int = 100, **changes: object) -> Survey:
    survey = Survey(("cheap", "expensive"), documents, documents * 400, starts={"cheap": documents})
    for name, value in changes.items():
        setattr(survey, name, value)
    return survey


def _history(seen: int = 1_000, went_up: int = 200) -> History:
    cheap = TierHistory([CHEAP] * seen, [CHEAP] * seen, judged=seen, went_up=went_up)
    return History({"cheap": cheap, "expensive": TierHistory([LAST] * went_up, plain=[LAST] * went_up)})


def test_a_cascade_costs_every_first_call_and_a_last_one_for_what_goes_up() -> None:
    """A fifth of 100 documents: about 20 calls of the last tier, and the count's chance is the range's."""
    told = routed(_survey(), _history(), 0.95)
    assert told is not None
    up = told.stages[1].documents
    assert up.low < 20 < up.high
    assert told.totals.cost_nano_usd == Interval(100_000 + up.low * 10_000, 100_000 + up.high * 10_000)
    assert told.totals.calls == Interval(100 + up.low, 100 + up.high)
    assert "200 of 1000 documents went up from cheap" in told.rests_on


def test_more_history_makes_ranges_narrower_and_more_confidence_wider() -> None:
    """Both for the same documents."""

    def width(seen: int, confidence: float) -> float:
        told = routed(_survey(), _history(seen, seen // 5), confidence)
        assert told is not None
        return told.totals.cost_nano_usd.high - told.totals.cost_nano_usd.low

    assert width(50, 0.95) > width(5_000, 0.95)
    assert width(1_000, 0.8) < width(1_000, 0.99)


def test_one_path_alone_costs_its_calls_alone() -> None:
    """Each of 100 documents, once."""
    cheap, last = cheap_only(_survey(), _history(), 0.95), always_last(_survey(), _history(), 0.95)
    assert cheap is not None
    assert last is not None
    assert (cheap.totals.cost_nano_usd, last.totals.cost_nano_usd) == (
        Interval(100_000, 100_000),
        Interval(1_000_000, 1_000_000),
    )
    assert last.rests_on == ("200 documents in expensive, those that needed it",)


def test_measured_documents_go_before_those_that_needed_the_last_tier() -> None:
    """They are chosen by nothing."""
    history = _history()
    history.tiers["expensive"].measured = [replace(LAST, cost_nano_usd=7_000)] * ENOUGH
    told = always_last(_survey(), history, 0.95)
    assert told is not None
    assert told.totals.cost_nano_usd.high == pytest.approx(700_000)
    assert told.rests_on == (f"{ENOUGH} documents in expensive",)


def test_where_too_few_met_the_last_tier_first_answers_stand_in_at_its_price() -> None:
    """And it is said."""
    history = _history(went_up=0)
    history.stand_ins = [replace(CHEAP, cost_nano_usd=8_000)] * 1_000
    told = always_last(_survey(), history, 0.95)
    assert told is not None
    assert told.totals.cost_nano_usd.high == pytest.approx(800_000)
    assert "at the price of expensive" in told.rests_on[0]


def test_too_few_documents_tell_nothing() -> None:
    """One fewer than enough."""
    history = _history(ENOUGH - 1, 0)
    assert cheap_only(_survey(), history, 0.95) is None
    assert routed(_survey(), history, 0.95) is None
    assert always_last(_survey(), history, 0.95) is None


def test_documents_that_start_on_the_last_tier_pass_no_other() -> None:
    """40 of 100 start there: 60 first calls, and at least 40 last ones."""
    told = routed(_survey(starts={"cheap": 60, "expensive": 40}), _history(), 0.95)
    assert told is not None
    assert told.stages[0].totals.calls == Interval(60, 60)
    assert told.stages[1].documents.low >= 40


def test_a_holdout_is_paid_for_as_far_as_it_is_accepted() -> None:
    """Ten of 100 are held out: at most ten calls more."""
    without, held = routed(_survey(), _history(), 0.95), routed(_survey(holdout=10), _history(), 0.95)
    assert without is not None
    assert held is not None
    assert held.stages[-1].documents.high == 10
    assert held.totals.cost_nano_usd.high >= without.totals.cost_nano_usd.high + 100_000


def test_a_judge_may_send_any_document_up_that_it_is_asked_about() -> None:
    """Nobody knows how many of 30: 70 to 100 begin cheap, and its calls cost what they may at most."""
    survey = _survey(judged=30, judge=Bound(30, 0, 900, 300, 5_000))
    told = routed(survey, _history(), 0.95)
    assert told is not None
    assert told.stages[0].documents == Interval(70, 100)
    assert told.stages[-1].totals.cost_nano_usd == Interval(0, 5_000)


@pytest.mark.parametrize(
    ("pace", "low_s", "high_s"),
    [
        (Pace(10), 100 * 0.2 / 10, 100 * 0.2 / 10 + 0.2),
        (Pace(1_000), 0.2, 0.4),
        (Pace(1_000, requests_per_minute=60), 99, 99.2),
        (Pace(1_000, tokens_per_minute=11_000), 59, 59.2),
    ],
    ids=["concurrency", "fewer documents than places", "requests", "tokens"],
)
def test_time_is_what_holds_a_queue_back_most(pace: Pace, low_s: float, high_s: float) -> None:
    """100 calls of 200 ms and 110 tokens; a limit may be used a second ahead."""
    told = cheap_only(_survey(), _history(), 0.95)
    assert told is not None
    found = duration_s(told, {"cheap": pace})
    assert (found.low, found.high) == (pytest.approx(low_s), pytest.approx(high_s))


def test_tiers_work_beside_each_other_at_best_and_one_after_the_other_at_worst() -> None:
    """The least is the slower tier's, the most is the sum."""
    told = routed(_survey(), _history(), 0.95)
    assert told is not None
    slow = duration_s(told, {"cheap": Pace(1), "expensive": Pace(1)})
    assert slow.low == pytest.approx(20)
    assert slow.high == pytest.approx(20 + 0.2 + told.stages[1].documents.high * 0.4 + 0.4)
