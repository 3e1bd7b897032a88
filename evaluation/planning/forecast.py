"""Tokens, calls, money and gate time as ranges, for each way documents could be run.

A range that is made of several intervals shares the allowed error among them (Bonferroni): it holds with at least the
stated confidence, whatever hangs together with what.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.planning.history import ENOUGH
from evaluation.statistics.predictions import Fresh, predicted_count, predicted_total
from routing.confidence_sequence import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evaluation.planning.history import History, Visit
    from evaluation.planning.survey import Survey

_FIGURES = ("calls", "input_tokens", "output_tokens", "cost_nano_usd", "busy_ms")


@dataclass(frozen=True, slots=True)
class Totals:
    """Ranges of what all documents of a path take together. `busy_ms` is time in the gate, added up over calls."""

    calls: Interval
    input_tokens: Interval
    output_tokens: Interval
    cost_nano_usd: Interval
    busy_ms: Interval


@dataclass(frozen=True, slots=True)
class Stage:
    """What one tier takes of a path, and for how many documents; `longest_ms` is the longest any of them took there."""

    tier: str
    documents: Interval
    totals: Totals
    longest_ms: int


@dataclass(frozen=True, slots=True)
class PathForecast:
    """What a path takes: as a whole and by tier. `rests_on` says on how many documents which part of it rests."""

    totals: Totals
    stages: tuple[Stage, ...]
    rests_on: tuple[str, ...]


def cheap_only(survey: Survey, history: History, confidence: float) -> PathForecast | None:
    """Return what the first tier alone takes for all documents, None where too few were seen there."""
    tier = survey.ladder[0]
    plain = history.tiers[tier].whole()
    return None if len(plain) < ENOUGH else _alone(survey, tier, plain, f"{len(plain)} documents in {tier}", confidence)


def always_last(survey: Survey, history: History, confidence: float) -> PathForecast | None:
    """Return what the last tier alone takes for all documents.

    Where too few were seen there, the first tier's tokens at the last one's price stand in for it; None without those.
    """
    tier = survey.ladder[-1]
    past = history.tiers[tier]
    plain = past.whole()
    if len(plain) >= ENOUGH:
        chosen = "" if plain is past.measured else ", those that needed it"
        return _alone(survey, tier, plain, f"{len(plain)} documents in {tier}{chosen}", confidence)
    if len(history.stand_ins) < ENOUGH:
        return None
    return _alone(survey, tier, history.stand_ins, _stood_in(survey, history), confidence)


def routed(survey: Survey, history: History, confidence: float) -> PathForecast | None:
    """Return what the cascade takes as its rollout stands, None where too few were seen in the first tier."""
    first = history.tiers[survey.ladder[0]]
    if len(first.visits) < ENOUGH:
        return None
    parts = 2 * len(survey.ladder) - 1 + bool(survey.judged) + bool(survey.holdout)
    each = 1 - (1 - confidence) / parts
    stages: list[Stage] = []
    rests: list[str] = []
    rising = Interval(0.0, 0.0)
    for tier in survey.ladder:
        reached = _reaching(survey, tier, rising)
        past = history.tiers[tier]
        visits, told = _visits(survey, history, tier)
        rests.append(told)
        stages.append(_stage(survey, tier, reached, visits, each))
        if tier != survey.ladder[-1]:
            rising = _going_up(past.went_up, past.judged, reached, each)
            rests.append(f"{past.went_up} of {past.judged} documents went up from {tier}")
    if survey.holdout:
        stages.append(_measuring(survey, history, rising, each))
    if survey.judged:
        stages.append(_judging(survey, history, each))
        rests.append(f"{len(history.judges)} documents asked of a judge")
    return PathForecast(_added(stage.totals for stage in stages), tuple(stages), tuple(rests))


def _alone(survey: Survey, tier: str, visits: Sequence[Visit], told: str, confidence: float) -> PathForecast:
    stage = _stage(survey, tier, Interval(survey.documents, survey.documents), visits, confidence)
    return PathForecast(stage.totals, (stage,), (told,))


def _visits(survey: Survey, history: History, tier: str) -> tuple[Sequence[Visit], str]:
    """Return what a document is taken to need in a tier, and in words what that rests on."""
    past = history.tiers[tier]
    if len(past.visits) >= ENOUGH:
        return past.visits, f"{len(past.visits)} documents in {tier}"
    if len(past.whole()) >= ENOUGH:
        return past.whole(), f"{len(past.whole())} documents in {tier}, asked whole"
    return history.stand_ins, _stood_in(survey, history)


def _stood_in(survey: Survey, history: History) -> str:
    first, last = survey.ladder[0], survey.ladder[-1]
    return f"{len(history.stand_ins)} documents in {first}, their tokens at the price of {last}"


def _reaching(survey: Survey, tier: str, rising: Interval) -> Interval:
    """Return how many documents come to a tier; a judge may send any that it is asked about straight to the last."""
    starting = survey.starts.get(tier, 0)
    low = starting - survey.judged if tier == survey.ladder[0] else starting
    high = starting + survey.judged if tier == survey.ladder[-1] != survey.ladder[0] else starting
    return Interval(max(0, low) + rising.low, min(survey.documents, high + rising.high))


def _going_up(went_up: int, judged: int, reached: Interval, confidence: float) -> Interval:
    low = predicted_count(went_up, judged, math.floor(reached.low), confidence).low
    return Interval(low, predicted_count(went_up, judged, math.ceil(reached.high), confidence).high)


def _stage(survey: Survey, tier: str, documents: Interval, visits: Sequence[Visit], confidence: float) -> Stage:
    longest = max((visit.busy_ms for visit in visits), default=0)
    return Stage(tier, documents, _totals(survey, documents, visits, confidence), longest)


def _measuring(survey: Survey, history: History, rising: Interval, confidence: float) -> Stage:
    """Return what the holdout takes: whoever is accepted below the last tier and falls into it runs there as well."""
    tier = survey.ladder[-1]
    plain = history.tiers[tier].whole()
    visits = plain if len(plain) >= ENOUGH else history.stand_ins
    measured = Interval(max(0.0, survey.holdout - rising.high), survey.holdout)
    return _stage(survey, tier, measured, visits, confidence)


def _judging(survey: Survey, history: History, confidence: float) -> Stage:
    """Return what asking the judge takes; where too few answers of it were seen, at most what they may take."""
    tier, asked = survey.ladder[0], Interval(survey.judged, survey.judged)
    if len(history.judges) >= ENOUGH:
        return _stage(survey, tier, asked, history.judges, confidence)
    bound = survey.judge
    most = (bound.calls, bound.input_tokens, bound.output_tokens, bound.cost_nano_usd, 0)
    return Stage(tier, asked, Totals(*(Interval(0.0, value) for value in most)), 0)


def _totals(survey: Survey, documents: Interval, visits: Sequence[Visit], confidence: float) -> Totals:
    lengths = [visit.characters for visit in visits]
    mean_length = survey.fresh.mean_length
    few, many = (Fresh(round(count), mean_length) for count in (documents.low, documents.high))

    def total(figure: str) -> Interval:
        values = [float(getattr(visit, figure)) for visit in visits]
        low = predicted_total(lengths, values, few, confidence).low
        return Interval(low, predicted_total(lengths, values, many, confidence).high)

    return Totals(*map(total, _FIGURES))


def _added(parts: Iterable[Totals]) -> Totals:
    found = list(parts)

    def total(figure: str) -> Interval:
        ranges = [getattr(part, figure) for part in found]
        return Interval(sum(one.low for one in ranges), sum(one.high for one in ranges))

    return Totals(*map(total, _FIGURES))
