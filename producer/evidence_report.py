"""The whole report of a job: its figures, and what its measured items, its course and its classifier tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evaluation.live_evidence import ALPHA, live_evidence
from evaluation.pair_comparison import PairComparison
from evaluation.statistics.needed import more_needed
from evaluation.statistics.safety import MARGIN
from producer.auditing import audit_figures
from producer.drift import drift_figures
from producer.report import job_report
from routing.deployment import AnswerSource
from routing.money import NanoUsd, to_usd
from storage import evidence, jobs, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.live_evidence import LiveEvidence, Standing
    from routing.confidence_sequence import Interval
    from routing.deployment import DeploymentSpec
    from storage.database import Database
    from storage.progress import Progress

STRETCHES = 40
BINS = 10
SHOWN_WITHIN = 0.1
"""How wide the interval of a saving may be that does not tell whether anything is saved at all."""
MOST_DIFFERENCES = 20
MOST_PAIRS = 20_000
"""Measured items of a task that its evidence rests on, the newest jobs'."""
DRIFT_PAGES = 100
"""Thousands of items that a report takes in where they were not watched yet."""
LATENCY_BOUNDS_MS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)


def evidence_report(database: Database, reference: str, deployment: DeploymentSpec | None = None) -> dict[str, object]:
    """Return `job_report` with what rests on single calls, as JSON values; money is `Decimal` dollars.

    `quality`, `saving`, `frontier` and `evidence` rest on measured items (`rollout.holdout`) and are None without any,
    as `audit` is without labels. Of other jobs of the task, those items count that the same sources answered as this
    job's. Reads every call of the job. Raises NotFoundError, UsageError where a custom comparator fails.
    """
    standing = progress.read(database, reference)
    job_id = standing.job.id
    task = jobs.frozen_task(database, job_id)
    first, last = task.tiers[0].name, task.tiers[-1].name
    margin = MARGIN if task.target is None else task.target.margin
    compare = PairComparison(task)
    measured = live_evidence(evidence.held_pairs(database, job_id), compare, _accepted_share(standing), margin)
    sources = {AnswerSource(use.answered_by or AnswerSource.PROVIDER) for use in progress.models(database, job_id)}
    of_task = live_evidence(evidence.task_held_pairs(database, task.name, MOST_PAIRS, sources), compare, 1.0)
    spent = evidence.spent(database, job_id, last)
    calls = evidence.call_latencies(database, job_id, LATENCY_BOUNDS_MS)
    return {
        **job_report(database, reference, deployment),
        "quality": None if measured is None else _quality(measured, margin),
        "saving": None if measured is None else _saving(measured, standing, spent),
        "frontier": None if measured is None else _frontier(measured, standing, spent),
        "evidence": {
            "answered_by": sorted(sources),
            "job": None if measured is None else _evidence(measured.course),
            "task": None if of_task is None else _evidence(of_task.course),
        },
        "audit": audit_figures(database, task),
        "drift": None if task.trial else drift_figures(database, task.name, DRIFT_PAGES),
        "disagreements": [] if measured is None else _disagreements(measured),
        "over_time": [
            {"began_ms": stretch.began_ms, "verdicts": stretch.verdicts, "passed": stretch.passed}
            for stretch in evidence.over_time(database, job_id, first, STRETCHES)
        ],
        "latency_histogram": {
            "bounds_ms": list(LATENCY_BOUNDS_MS),
            "items": evidence.item_latencies(database, job_id, LATENCY_BOUNDS_MS),
            "calls": {tier.tier: calls[tier.tier] for tier in standing.tiers if tier.tier in calls},
        },
        "classifier": _reliability(evidence.predictions(database, job_id, first)),
    }


def _evidence(course: Sequence[Standing]) -> dict[str, object]:
    return {**_standing(course[-1]), "over_time": [_standing(standing) for standing in course]}


def _standing(standing: Standing) -> dict[str, object]:
    return {
        "measured_items": standing.pairs,
        "at_ms": standing.at_ms,
        "differing": standing.differing,
        "wrong_share": round(standing.differing / standing.pairs, 6),
        "wrong_interval": _ends(standing.wrong),
        "cheaper_share": round(standing.mean_cheaper, 6),
        "cheaper_interval": _ends(standing.cheaper),
        "sooner_share": round(standing.mean_sooner, 6),
        "sooner_interval": _ends(standing.sooner),
    }


def _accepted_share(standing: Progress) -> float:
    """Return the share of ended items that a tier below the last accepted."""
    ended = standing.job.items_done + standing.job.items_failed
    return sum(tier.accepted for tier in standing.tiers[:-1]) / ended if ended else 0.0


def _quality(measured: LiveEvidence, margin: float) -> dict[str, object]:
    return {
        "measured_items": measured.pairs,
        "differing": measured.differing,
        "wrong_share": _ends(measured.wrong),
        "lost_share": _ends(measured.lost),
        "margin": margin,
        "confidence": 1 - ALPHA,
        "safety": str(measured.safety),
        "more_needed": measured.more_needed,
    }


def _saving(measured: LiveEvidence, standing: Progress, spent: evidence.Spent) -> dict[str, object]:
    """Return the saving against the last tier alone, whose cost is measured on the items both tiers answered.

    Items the last tier answered anyway count with what it cost there; the others with the mean of the measured calls.
    It is shown where its interval leaves out nothing saved, or is no wider than `SHOWN_WITHIN`.
    """
    below = sum(tier.accepted for tier in standing.tiers[:-1])
    routed = standing.job.cost_nano_usd - spent.measuring_nano_usd
    costs = measured.last_cost_nano_usd
    mean = spent.last_tier_nano_usd + below * costs.mean

    def interval(count: int | None = None) -> list[float | None]:
        ends = costs.interval(count)
        return [_saved(routed, spent.last_tier_nano_usd + below * end) for end in (max(ends.low, 0.0), ends.high)]

    is_shown = _shows(interval())
    needed = None if is_shown else more_needed(measured.pairs, lambda count: _shows(interval(count)))
    return {
        "is_shown": is_shown,
        "more_needed": needed,
        "spent_usd": to_usd(NanoUsd(routed)),
        "measuring_usd": to_usd(NanoUsd(spent.measuring_nano_usd)),
        "baseline_usd": to_usd(NanoUsd(round(mean))),
        "baseline_kind": "measured",
        "saved_fraction": _saved(routed, mean),
        "saved_interval": interval(),
        "confidence": 1 - ALPHA,
        "mean_faster_ms": round(measured.faster_ms.mean, 1),
        "faster_ms": _ends(measured.faster_ms.interval()),
    }


def _shows(saved: Sequence[float | None]) -> bool:
    low, high = saved
    return low is not None and high is not None and (low > 0 or high < 0 or high - low <= SHOWN_WITHIN)


def _saved(spent: float, baseline: float) -> float | None:
    if math.isinf(baseline) or baseline <= 0:
        return None
    return round(1 - spent / baseline, 6)


def _frontier(measured: LiveEvidence, standing: Progress, spent: evidence.Spent) -> list[dict[str, object]]:
    """Return cost and quality of an item on the ways there are; quality is agreement with the last tier.

    A first tier that is never helped loses what it escalates. A ramp between 0 and 100 lies on the line between
    `always last` and `routed`.
    """
    ended = standing.job.items_done + standing.job.items_failed
    below = sum(tier.accepted for tier in standing.tiers[:-1])
    share = below / ended
    wrong = measured.differing / measured.pairs
    first = standing.tiers[0]
    calls = first.accepted + first.escalated + first.failed
    always = (spent.last_tier_nano_usd + below * measured.last_cost_nano_usd.mean) / ended
    routed = (standing.job.cost_nano_usd - spent.measuring_nano_usd) / ended
    alone = first.cost_nano_usd / calls if calls else 0.0
    return [
        _point("first tier alone", alone, share * (1 - wrong), _alone(measured, share)),
        _point("routed", routed, 1 - share * wrong, [1 - measured.lost.high, 1 - measured.lost.low]),
        _point("always last", always, 1.0, [1.0, 1.0]),
    ]


def _alone(measured: LiveEvidence, share: float) -> list[float]:
    return [share * (1 - measured.wrong.high), share * (1 - measured.wrong.low)]


def _point(name: str, cost_nano_usd: float, quality: float, interval: Sequence[float]) -> dict[str, object]:
    return {
        "way": name,
        "cost_usd_per_item": to_usd(NanoUsd(round(cost_nano_usd))),
        "quality": round(quality, 6),
        "interval": [round(end, 6) for end in interval],
    }


def _disagreements(measured: LiveEvidence) -> list[dict[str, object]]:
    return [
        {
            "custom_id": difference.custom_id,
            "field": difference.field,
            "accepted": difference.accepted,
            "last": difference.last,
        }
        for difference in measured.differences[:MOST_DIFFERENCES]
    ]


def _reliability(predictions: Sequence[tuple[float, bool]]) -> list[dict[str, object]] | None:
    """Return, for each tenth of the probability, how many items had it, its mean, and the share that passed."""
    if not predictions:
        return None
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, passed in predictions:
        bins[min(BINS - 1, int(probability * BINS))].append((probability, passed))
    return [
        {
            "items": len(found),
            "said": round(sum(probability for probability, _ in found) / len(found), 6),
            "passed": round(sum(passed for _, passed in found) / len(found), 6),
        }
        for found in bins
        if found
    ]


def _ends(interval: Interval) -> list[float | None]:
    return [None if math.isinf(end) else round(end, 6) for end in (interval.low, interval.high)]
