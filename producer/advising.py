"""Whether a task should be routed at all, from this ledger's own documents of it, or from calls made elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.advice.advice import advise
from evaluation.advice.case import Costs, RoutingCase
from evaluation.advice.earnings import Earning, last_tier, lower_tier, rule
from evaluation.planning.history import ENOUGH, Historian
from producer.calls_file import p95
from producer.task_history import TaskHistory
from routing.completion import TokenUsage
from routing.confidence_sequence import Interval
from routing.errors import NotFoundError
from routing.money import NANO_PER_USD
from routing.price import PriceList
from routing.trial import TrialPath
from storage.task_volume import recent_volume, rule_matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evaluation.advice.advice import Advice
    from evaluation.advice.case import Terms
    from evaluation.planning.history import History
    from routing.deployment import AnswerSource, DeploymentSpec
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database
    from storage.past_items import PastItem

VOLUME_DAYS = 30
LEAST_DAYS = 7
"""A ledger younger than this tells no volume: trying a task out is not its month."""


@dataclass(frozen=True, slots=True)
class LedgerEvidence:
    """What a ledger holds of a task: the case, what each tier and rule brings, and the volume (None: not known)."""

    case: RoutingCase
    tiers: Mapping[str, Earning]
    rules: Mapping[str, Earning]
    items_per_month: float | None
    jobs: int
    jobs_left_aside: int
    items_left_aside: int
    answered_by: tuple[AnswerSource, ...]


@dataclass(slots=True)
class _Tally:
    """Documents that began below the last tier, added up."""

    last: str
    prices: PriceList
    latency_budget_ms: int | None
    below: list[float] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    settled: int = 0
    asked: int = 0
    mended: int = 0

    def add(self, item: PastItem) -> None:
        """Add a document, unless it went straight to the last tier or met a model no longer deployed."""
        own = [call for call in item.calls if not call.holdout]
        lower = [call for call in own if call.tier != self.last]
        if not any(call.whole for call in lower):
            return
        try:
            cost = sum(
                self.prices.cost(
                    call.model,
                    TokenUsage(call.input_tokens, call.output_tokens, cached_input=call.cached_input_tokens),
                )
                for call in lower
            )
        except NotFoundError:
            return
        self.below.append(cost)
        self.settled += item.done and item.tier != self.last
        if len(own) == len(item.calls):
            self.times.append(item.latency_ms)  # what was only measured took the time of its measuring as well
        if any(call.tier == self.last for call in own):
            self.asked += 1
            self.mended += item.done and item.tier == self.last

    def case(self, last: Costs) -> RoutingCase:
        """Return what they show."""
        budget, times = self.latency_budget_ms, sorted(self.times)
        return RoutingCase(
            tried=len(self.below),
            settled=self.settled,
            asked=self.asked,
            mended=self.mended,
            below=Costs.of(self.below),
            last=last,
            timed=len(times),
            late=0 if budget is None else sum(time > budget for time in times),
            p95_ms=p95(times),
        )


def ledger_evidence(
    database: Database, task: FrozenTask, rollout: Rollout, deployment: DeploymentSpec, terms: Terms
) -> LedgerEvidence:
    """Return what this ledger holds of a task, as far as its jobs called as they would now."""
    running, prices = rollout.applied(task), PriceList(deployment.models)
    past, historian = TaskHistory(database, task, rollout, deployment), Historian(running, prices)
    tally = _Tally(task.tiers[-1].name, prices, terms.latency_budget_ms)
    seen = set()
    for item, path in past.read():
        historian.add(item, path)
        name = (item.custom_id, item.characters)
        if path is TrialPath.ROUTED and name not in seen:
            seen.add(name)
            tally.add(item)
    history = historian.history
    whole = history.tiers[task.tiers[-1].name].whole()
    answers = whole if len(whole) >= ENOUGH else history.stand_ins
    case = tally.case(Costs.of([visit.cost_nano_usd for visit in answers]))
    return LedgerEvidence(
        case=case,
        tiers=_tiers(running, history, case, terms.confidence),
        rules=_rules(database, task, past.alike_ids, case, terms.confidence),
        items_per_month=_items_per_month(database, task.name),
        jobs=len(past.job_ids),
        jobs_left_aside=past.jobs_left_aside,
        items_left_aside=past.items_left_aside,
        answered_by=tuple(sorted(past.answered_by)),
    )


def _items_per_month(database: Database, task_name: str) -> float | None:
    volume = recent_volume(database, task_name, VOLUME_DAYS)
    return volume.items / volume.days * VOLUME_DAYS if volume.days >= LEAST_DAYS else None


def _tiers(task: FrozenTask, history: History, case: RoutingCase, confidence: float) -> dict[str, Earning]:
    found = {}
    for tier in task.tiers[:-1]:
        past = history.tiers[tier.name]
        own = Costs.of([visit.cost_nano_usd for visit in past.visits])
        accepted = past.judged - past.went_up
        found[tier.name] = lower_tier(past.judged, accepted, own, case.last, confidence)
    if len(task.tiers) > 1:
        found[task.tiers[-1].name] = last_tier(case.asked, case.mended, confidence)
    return found


def _rules(
    database: Database, task: FrozenTask, job_ids: list[int], case: RoutingCase, confidence: float
) -> dict[str, Earning]:
    if not task.route.rules:
        return {}
    matches, documents = rule_matches(database, job_ids)
    saving = lower_tier(case.tried, case.settled, case.below, case.last, confidence).per_item_nano_usd
    first, last = task.tiers[0].name, task.tiers[-1].name
    return {
        spec.id: rule(
            matches.get(spec.id, 0),
            documents,
            saving or Interval(-math.inf, math.inf),
            # Without a classifier, what matches no rule starts in the first tier.
            to_first=spec.tier == first and task.route.classifier is None and spec is task.route.rules[-1],
            to_last=spec.tier == last,
            confidence=confidence,
        )
        for spec in task.route.rules
    }


def told(case: RoutingCase, terms: Terms, evidence: LedgerEvidence | None) -> dict[str, Any]:
    """Return the advice for a case as JSON values; an end of an interval that is not known is null."""
    advice = advise(case, terms)
    return {
        "advice": advice.verdict,
        "reason": advice.reason,
        "more_needed": advice.more_needed,
        "confidence": terms.confidence,
        "terms": {
            "items_per_month": terms.items_per_month,
            "months": terms.months,
            "engineering_usd": terms.engineering_usd,
            "latency_budget_ms": terms.latency_budget_ms,
        },
        "rests_on": _rests_on(case, evidence),
        "figures": _figures(case, terms, advice),
        "tiers": {} if evidence is None else {name: _earning(one) for name, one in evidence.tiers.items()},
        "rules": {} if evidence is None else {name: _earning(one) for name, one in evidence.rules.items()},
    }


def _rests_on(case: RoutingCase, evidence: LedgerEvidence | None) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "documents_tried_cheap": case.tried,
        "answers_of_the_last_tier": case.last.count,
        "documents_asked_of_the_last_tier": case.asked,
        "documents_timed": case.timed,
    }
    if evidence is None:
        return counts
    return counts | {
        "jobs": evidence.jobs,
        "jobs_left_aside": evidence.jobs_left_aside,
        "items_left_aside": evidence.items_left_aside,
        "answered_by": list(evidence.answered_by),
    }


def _figures(case: RoutingCase, terms: Terms, advice: Advice) -> dict[str, Any]:
    found = advice.figures
    share = case.settled / case.tried if case.tried else None
    each = None
    if share is not None and case.last.count:
        each = (share * case.last.mean - case.below.mean) / NANO_PER_USD
    items = None if terms.items_per_month is None else terms.items_per_month * terms.months
    return {
        "passes_cheap": _with(share, found.settled),
        "expensive_mends": _with(case.mended / case.asked if case.asked else None, found.mended),
        "cheap_usd_per_item": _with(case.below.mean / NANO_PER_USD if case.below.count else None, found.below_usd),
        "expensive_usd_per_item": _with(case.last.mean / NANO_PER_USD if case.last.count else None, found.last_usd),
        "saving_usd_per_item": _with(each, found.saving_per_item_usd),
        "net_saving_usd": None
        if found.net_usd is None or items is None
        else _with(None if each is None else each * items - terms.engineering_usd, found.net_usd),
        "latency_p95_ms": case.p95_ms,
        "over_latency_budget": None
        if found.late is None
        else _with(case.late / case.timed if case.timed else None, found.late),
    }


def _earning(one: Earning) -> dict[str, Any]:
    money = one.per_item_nano_usd
    scaled = None if money is None else Interval(money.low / NANO_PER_USD, money.high / NANO_PER_USD)
    return {
        "verdict": one.earns,
        "why": one.why,
        "documents": one.documents,
        "saving_usd_per_item": None if scaled is None else _ends(scaled),
        "more_needed": one.more_needed,
    }


def _with(value: float | None, interval: Interval) -> dict[str, Any]:
    return {"value": value, "interval": _ends(interval)}


def _ends(interval: Interval) -> list[float | None]:
    return [end if math.isfinite(end) else None for end in (interval.low, interval.high)]
