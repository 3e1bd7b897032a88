"""Whether to route at all. A pure function: the same case and terms give the same advice.

The cases against routing are those of the literature: one model fits all, too little volume, too tight a latency. Each
is told only where it is shown at the stated confidence; between them lies "not enough data".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evaluation.calibration.risk_control import least_needed
from evaluation.statistics.needed import more_needed
from evaluation.statistics.shares import highest_share, wilson
from routing.confidence_sequence import Interval
from routing.money import NANO_PER_USD

if TYPE_CHECKING:
    from evaluation.advice.case import RoutingCase, Terms

SELDOM = 0.01
"""A share of all documents that is not worth a second tier: one in a hundred."""
LATE_SHARE = 0.05
"""What a 95th percentile leaves beyond it."""
_PARTS = 3
"""The intervals a saving is made of: the settled share, and two costs."""


class Verdict(StrEnum):
    """What to do. Never rename one: scripts read them."""

    ROUTE = "route"
    DO_NOT_ROUTE = "do_not_route"
    STAY_CHEAP = "stay_cheap"  # the cheap tier alone does
    NOT_ENOUGH_DATA = "not_enough_data"


class Reason(StrEnum):
    """Why. Never rename one: scripts read them."""

    SAVES = "saves"  # more than the engineering costs
    ALWAYS_RIGHT = "cheap_always_passes"  # fewer than one document in a hundred fails in the cheap tier
    NO_SPREAD = "no_price_spread"  # one model fits all: the cheap one costs no less than the expensive one
    MENDS_NOTHING = "expensive_mends_nothing"  # one model fits all: the expensive one does no better
    SELDOM_PASSES = "cheap_seldom_passes"  # what it settles does not pay for its calls
    TINY_VOLUME = "tiny_volume"  # the saving stays below the engineering cost
    TIGHT_LATENCY = "tight_latency"  # the cascade's 95th percentile lies over the budget
    VOLUME_UNKNOWN = "volume_unknown"
    LATENCY_UNKNOWN = "latency_unknown"
    SAVING_UNKNOWN = "saving_unknown"
    FAILURES_UNKNOWN = "failures_unknown"  # none was seen, of too few documents to say that there are none


@dataclass(frozen=True, slots=True)
class Figures:
    """What advice rests on, each with its interval. Money is dollars.

    `saving_per_item` is against the last tier alone; `net` is that of all items over all months, less the engineering
    cost, None where the volume is not known. `late` is the share of documents over the latency budget.
    """

    settled: Interval
    mended: Interval
    below_usd: Interval
    last_usd: Interval
    saving_per_item_usd: Interval
    net_usd: Interval | None
    late: Interval | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do and why.

    `more_needed` is how many more documents would tell, where that is what is missing; None where no number would.
    """

    verdict: Verdict
    reason: Reason
    figures: Figures
    more_needed: int | None = None


def advise(case: RoutingCase, terms: Terms) -> Advice:
    """Return the advice for a case."""
    told = figures(case, terms)
    against = _against(case, terms, told)
    if against is not None:
        return against
    missing = _missing(case, terms, told)
    if missing is not None:
        return missing
    assert told.net_usd is not None
    if told.net_usd.low > 0:
        return Advice(Verdict.ROUTE, Reason.SAVES, told)
    if told.net_usd.high <= 0:
        return Advice(Verdict.DO_NOT_ROUTE, Reason.TINY_VOLUME, told)

    def is_shown(tried: int) -> bool:
        net = figures(case.scaled(tried), terms).net_usd
        return net is not None and (net.low > 0 or net.high <= 0)

    return Advice(Verdict.NOT_ENOUGH_DATA, Reason.SAVING_UNKNOWN, told, more_needed(case.tried, is_shown))


def figures(case: RoutingCase, terms: Terms) -> Figures:
    """Return what a case shows. A saving's parts share the allowed error (Bonferroni)."""
    each = 1 - (1 - terms.confidence) / _PARTS
    settled = wilson(case.settled, case.tried, each)
    below, last = case.below.within(each), case.last.within(each)
    saving = Interval(_times(settled.low, last.low) - below.high, _times(settled.high, last.high) - below.low)
    return Figures(
        settled=settled,
        mended=wilson(case.mended, case.asked, terms.confidence),
        below_usd=_usd(below),
        last_usd=_usd(last),
        saving_per_item_usd=_usd(saving),
        net_usd=_net(saving, terms),
        late=None if terms.latency_budget_ms is None else wilson(case.late, case.timed, terms.confidence),
    )


def _net(saving: Interval, terms: Terms) -> Interval | None:
    if terms.items_per_month is None:
        return None
    items = terms.items_per_month * terms.months
    spent = terms.engineering_usd
    return Interval(_times(items, saving.low) / NANO_PER_USD - spent, _times(items, saving.high) / NANO_PER_USD - spent)


def _against(case: RoutingCase, terms: Terms, told: Figures) -> Advice | None:
    """Return what is shown to speak against routing, whatever the volume."""
    if told.late is not None and told.late.low > LATE_SHARE:
        return Advice(Verdict.DO_NOT_ROUTE, Reason.TIGHT_LATENCY, told)
    if told.below_usd.low >= told.last_usd.high:
        return Advice(Verdict.DO_NOT_ROUTE, Reason.NO_SPREAD, told)
    if highest_share(case.tried - case.settled, case.tried, terms.confidence) <= SELDOM:
        return Advice(Verdict.STAY_CHEAP, Reason.ALWAYS_RIGHT, told)
    if case.tried and told.saving_per_item_usd.high <= 0:
        return Advice(Verdict.DO_NOT_ROUTE, Reason.SELDOM_PASSES, told)
    half = 1 - (1 - terms.confidence) / 2
    failing = highest_share(case.tried - case.settled, case.tried, half)
    if case.asked and failing * highest_share(case.mended, case.asked, half) <= SELDOM:
        return Advice(Verdict.DO_NOT_ROUTE, Reason.MENDS_NOTHING, told)
    return None


def _missing(case: RoutingCase, terms: Terms, told: Figures) -> Advice | None:
    """Return what has to be known before the volume decides."""
    unknown = Verdict.NOT_ENOUGH_DATA
    if case.settled == case.tried:
        needed = least_needed(SELDOM, 1 - terms.confidence) - case.tried
        return Advice(unknown, Reason.FAILURES_UNKNOWN, told, max(1, needed))
    if told.net_usd is None:
        return Advice(unknown, Reason.VOLUME_UNKNOWN, told)
    if told.late is not None and told.late.high > LATE_SHARE:
        return Advice(unknown, Reason.LATENCY_UNKNOWN, told, _more_timed(case, terms))
    return None


def _more_timed(case: RoutingCase, terms: Terms) -> int | None:
    def is_shown(timed: int) -> bool:
        late = round(case.late * timed / case.timed) if case.timed else 0
        found = wilson(late, timed, terms.confidence)
        return found.low > LATE_SHARE or found.high <= LATE_SHARE

    return more_needed(case.timed, is_shown)


def _times(first: float, second: float) -> float:
    """Return a product in which nothing of an unbounded amount is nothing."""
    return first * second if first and second else 0.0


def _usd(nano_usd: Interval) -> Interval:
    return Interval(nano_usd.low / NANO_PER_USD, nano_usd.high / NANO_PER_USD)
