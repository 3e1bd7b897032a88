"""Which tiers and rules of a task earn what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evaluation.calibration.risk_control import least_needed
from evaluation.statistics.needed import more_needed
from evaluation.statistics.shares import highest_share, wilson
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from evaluation.advice.case import Costs

SELDOM = 0.05
"""A last tier that mends no more than this share of what it gets earns nothing."""
NEVER = 0.01
"""A rule that matches no more than this share of the documents, having matched none, is told as one that never does."""


class Earns(StrEnum):
    """What a tier or a rule brings. Never rename one: scripts read them."""

    EARNS = "earns"
    EARNS_NOTHING = "earns_nothing"
    NOT_ENOUGH_DATA = "not_enough_data"
    DEPENDS = "depends"  # it costs more, and only quality, which is not measured here, can pay for it


@dataclass(frozen=True, slots=True)
class Earning:
    """What one tier or rule brings and why, with the documents it rests on.

    `per_item_nano_usd` is the money it saves for a document that meets it, where that is what is told.
    """

    earns: Earns
    why: str
    documents: int
    per_item_nano_usd: Interval | None = None
    more_needed: int | None = None


def lower_tier(visits: int, accepted: int, own: Costs, following: Costs, confidence: float) -> Earning:
    """Judge a tier below the last: what it accepts spares an answer of the following one, at the cost of its calls."""
    each = 1 - (1 - confidence) / 3

    def saving(documents: int) -> Interval:
        share = documents / visits if visits else 0.0
        kept = wilson(round(accepted * share), documents, each)
        calls = type(own)(round(own.count * share), own.mean, own.variance).within(each)
        spared = type(following)(round(following.count * share), following.mean, following.variance).within(each)
        low = kept.low * spared.low if kept.low else 0.0
        return Interval(low - calls.high, (kept.high * spared.high if kept.high else 0.0) - calls.low)

    found = saving(visits)
    why = f"it accepts {accepted} of {visits}, each of which spares an answer of the last tier"
    if found.low > 0:
        return Earning(Earns.EARNS, why, visits, found)
    if found.high <= 0:
        return Earning(Earns.EARNS_NOTHING, why, visits, found)
    more = more_needed(visits, lambda documents: (one := saving(documents)).low > 0 or one.high <= 0)
    return Earning(Earns.NOT_ENOUGH_DATA, why, visits, found, more)


def last_tier(asked: int, mended: int, confidence: float) -> Earning:
    """Judge the last tier by what it mends of what failed below."""
    why = f"it mends {mended} of {asked} that failed below"
    if asked and highest_share(mended, asked, confidence) <= SELDOM:
        return Earning(Earns.EARNS_NOTHING, why, asked)
    if asked and wilson(mended, asked, confidence).low > SELDOM:
        return Earning(Earns.EARNS, why, asked)

    def is_shown(documents: int) -> bool:
        count = round(mended * documents / asked) if asked else 0
        return (
            highest_share(count, documents, confidence) <= SELDOM or wilson(count, documents, confidence).low > SELDOM
        )

    return Earning(Earns.NOT_ENOUGH_DATA, why, asked, more_needed=more_needed(asked, is_shown))


def rule(
    matched: int, documents: int, saving: Interval, *, to_first: bool, to_last: bool, confidence: float
) -> Earning:
    """Judge a rule of the router by the documents it matched.

    `saving` is what the cascade saves for a document, in nano-dollars: what a rule that sends it straight to the last
    tier gives away, if its documents are like the others. `to_first` is where they would have started anyway.
    """
    if not matched:
        why = f"it matched none of {documents} documents"
        needed = least_needed(NEVER, 1 - confidence) - documents
        if needed <= 0:
            return Earning(Earns.EARNS_NOTHING, why, documents)
        return Earning(Earns.NOT_ENOUGH_DATA, why, documents, more_needed=needed)
    why = f"it matched {matched} of {documents} documents"
    if to_first:
        return Earning(Earns.EARNS_NOTHING, f"{why}, which start in the first tier without it too", documents)
    if not to_last:
        return Earning(Earns.DEPENDS, why, documents)
    given = Interval(-saving.high, -saving.low)
    if given.low > 0:
        return Earning(Earns.EARNS, f"{why}, and spares them calls that seldom pass", documents, given)
    return Earning(
        Earns.DEPENDS, f"{why}; sent straight up, they cost more if they are like the others", documents, given
    )
