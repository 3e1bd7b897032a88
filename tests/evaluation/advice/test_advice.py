"""Whether to route at all: a table of cases, and what may never happen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.advice.advice import Advice, Reason, Verdict, advise
from evaluation.advice.case import Costs, RoutingCase, Terms

CHEAP_NANO, LAST_NANO = 1_000_000, 20_000_000  # $0.001 and $0.02
USUAL = RoutingCase(
    tried=1_000,
    settled=850,
    asked=150,
    mended=130,
    below=Costs(1_000, CHEAP_NANO, CHEAP_NANO**2 / 100),
    last=Costs(1_000, LAST_NANO, LAST_NANO**2 / 100),
    timed=1_000,
    late=10,
)
DEAR = replace(USUAL.last, mean=LAST_NANO * 2.0)
TERMS = Terms(items_per_month=100_000, months=12, engineering_usd=5_000, latency_budget_ms=2_000)
CLOSE = replace(TERMS, engineering_usd=15_000, latency_budget_ms=None)


@pytest.mark.parametrize(
    ("case", "terms", "verdict", "reason"),
    [
        (USUAL, TERMS, Verdict.ROUTE, Reason.SAVES),
        (USUAL, replace(TERMS, latency_budget_ms=None), Verdict.ROUTE, Reason.SAVES),
        (USUAL, replace(TERMS, items_per_month=100), Verdict.DO_NOT_ROUTE, Reason.TINY_VOLUME),
        (USUAL, replace(TERMS, months=0), Verdict.DO_NOT_ROUTE, Reason.TINY_VOLUME),
        (USUAL, replace(TERMS, items_per_month=None), Verdict.NOT_ENOUGH_DATA, Reason.VOLUME_UNKNOWN),
        (USUAL, replace(TERMS, items_per_month=26_000), Verdict.NOT_ENOUGH_DATA, Reason.SAVING_UNKNOWN),
        (replace(USUAL, late=200), TERMS, Verdict.DO_NOT_ROUTE, Reason.TIGHT_LATENCY),
        (replace(USUAL, late=45), TERMS, Verdict.NOT_ENOUGH_DATA, Reason.LATENCY_UNKNOWN),
        (replace(USUAL, late=0, timed=0), TERMS, Verdict.NOT_ENOUGH_DATA, Reason.LATENCY_UNKNOWN),
        (replace(USUAL, below=USUAL.last), TERMS, Verdict.DO_NOT_ROUTE, Reason.SELDOM_PASSES),
        (
            replace(USUAL, below=DEAR),
            TERMS,
            Verdict.DO_NOT_ROUTE,
            Reason.NO_SPREAD,
        ),
        (replace(USUAL, settled=1_000, asked=0, mended=0), TERMS, Verdict.STAY_CHEAP, Reason.ALWAYS_RIGHT),
        (replace(USUAL, mended=0), TERMS, Verdict.DO_NOT_ROUTE, Reason.MENDS_NOTHING),
        (replace(USUAL, settled=5, asked=995), TERMS, Verdict.DO_NOT_ROUTE, Reason.SELDOM_PASSES),
        (
            replace(USUAL.scaled(40), settled=40, asked=0, mended=0),
            TERMS,
            Verdict.NOT_ENOUGH_DATA,
            Reason.FAILURES_UNKNOWN,
        ),
        (USUAL.scaled(12), CLOSE, Verdict.NOT_ENOUGH_DATA, Reason.SAVING_UNKNOWN),
        (USUAL, CLOSE, Verdict.ROUTE, Reason.SAVES),
        (
            RoutingCase(0, 0, 0, 0, Costs.of([]), Costs.of([])),
            TERMS,
            Verdict.NOT_ENOUGH_DATA,
            Reason.FAILURES_UNKNOWN,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_each_case_has_its_advice(case: RoutingCase, terms: Terms, verdict: Verdict, reason: Reason) -> None:
    """The cases of the literature, the usual one, and those that tell too little."""
    found = advise(case, terms)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_documents_that_are_missing_are_counted() -> None:
    """With as many more as were asked for, alike, something is shown."""
    small = USUAL.scaled(12)
    told = advise(small, CLOSE)
    assert told.more_needed is not None
    assert told.more_needed > 0
    assert advise(small.scaled(12 + told.more_needed), CLOSE).verdict is Verdict.ROUTE


def test_a_hundred_that_passed_need_199_more_to_be_always() -> None:
    """None of 299 fails: the least that shows fewer than one in a hundred at 95 %."""
    case = replace(USUAL.scaled(100), settled=100, asked=0, mended=0)
    told = advise(case, TERMS)
    assert (told.reason, told.more_needed) == (Reason.FAILURES_UNKNOWN, 199)
    assert advise(replace(case, tried=299, settled=299), TERMS).verdict is Verdict.STAY_CHEAP


def test_the_saving_is_told_with_an_interval_around_it() -> None:
    """85 % of $0.02 less $0.001, a hundred thousand times a month for a year, less $5 000."""
    found = advise(USUAL, TERMS).figures
    assert found.saving_per_item_usd.low < 0.85 * 0.02 - 0.001 < found.saving_per_item_usd.high
    assert found.net_usd is not None
    assert found.net_usd.low < 1_200_000 * 0.016 - 5_000 < found.net_usd.high


@st.composite
def _cases(draw: st.DrawFn) -> RoutingCase:
    tried = draw(st.integers(0, 3_000))
    settled = draw(st.integers(0, tried))
    asked = draw(st.integers(0, tried - settled))
    timed = draw(st.integers(0, tried))
    costs = st.builds(Costs, st.integers(0, 3_000), st.floats(0, 1e9), st.floats(0, 1e17))
    return RoutingCase(
        tried=tried,
        settled=settled,
        asked=asked,
        mended=draw(st.integers(0, asked)),
        below=draw(costs),
        last=draw(costs),
        timed=timed,
        late=draw(st.integers(0, timed)),
    )


_AMOUNTS = st.floats(0, 1e8)
slowly = settings(deadline=None, max_examples=40)


@slowly
@given(case=_cases(), volumes=st.tuples(_AMOUNTS, _AMOUNTS), engineering=_AMOUNTS, budget=st.none() | st.just(1))
def test_more_volume_never_speaks_against_routing(
    case: RoutingCase, volumes: tuple[float, float], engineering: float, budget: int | None
) -> None:
    """Whoever routes at some volume routes at any larger one."""
    less, more = (advise(case, Terms(volume, 12, engineering, budget)) for volume in (min(volumes), max(volumes)))
    assert more.verdict is Verdict.ROUTE or less.verdict is not Verdict.ROUTE


@slowly
@given(case=_cases(), volume=_AMOUNTS, costs=st.tuples(_AMOUNTS, _AMOUNTS))
def test_dearer_engineering_never_speaks_for_routing(
    case: RoutingCase, volume: float, costs: tuple[float, float]
) -> None:
    """Whoever routes at some engineering cost routes at any lower one."""
    dear, low = (advise(case, Terms(volume, 12, cost)) for cost in (max(costs), min(costs)))
    assert low.verdict is Verdict.ROUTE or dear.verdict is not Verdict.ROUTE


@slowly
@given(case=_cases(), volume=st.none() | _AMOUNTS, engineering=_AMOUNTS, budget=st.none() | st.just(1))
def test_whatever_was_seen_there_is_advice(
    case: RoutingCase, volume: float | None, engineering: float, budget: int | None
) -> None:
    """Nothing raises, and a number of missing documents is told only where data are missing."""
    told: Advice = advise(case, Terms(volume, 12, engineering, budget))
    assert told.more_needed is None or (told.verdict is Verdict.NOT_ENOUGH_DATA and told.more_needed > 0)
