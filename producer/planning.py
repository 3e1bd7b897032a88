"""What a job would take, before it is paid for: from this ledger's past of the task, or from what is known without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.planning.duration import Pace, duration_s
from evaluation.planning.forecast import always_last, cheap_only, routed
from evaluation.planning.history import Historian
from producer.task_history import TaskHistory
from routing.money import NanoUsd, to_usd
from routing.trial import TrialPath

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from evaluation.planning.forecast import PathForecast
    from evaluation.planning.history import History
    from evaluation.planning.survey import Bound
    from producer.surveying import Seen
    from routing.confidence_sequence import Interval
    from routing.deployment import DeploymentSpec
    from routing.price import PriceList
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database

_NOISE_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for these inputs, its ranges at this confidence."""

    task: FrozenTask
    seen: Seen
    past: TaskHistory
    history: History
    confidence: float
    paces: Mapping[str, Pace]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; money is `Decimal` dollars, an unknown end of a range is null."""
        survey, history = self.seen.survey, self.history
        return {
            "task": self.task.name,
            "documents": survey.documents,
            "characters": survey.characters,
            "refused": dict(self.seen.refused),
            "unwritable": self.seen.unwritable,
            "starts": {tier: survey.starts.get(tier, 0) for tier in survey.ladder},
            "asks_judge": survey.judged,
            "holdout": survey.holdout,
            "confidence": self.confidence,
            "basis": "history" if history.is_enough else "bounds",
            "history": {
                "items": history.items,
                "jobs": history.jobs,
                "jobs_left_aside": history.jobs_left_aside,
                "items_left_aside": self.past.items_left_aside,
                "answered_by": sorted(self.past.answered_by),
            },
            "queues": {
                tier: {
                    "concurrency": pace.concurrency,
                    "rpm": pace.requests_per_minute,
                    "tpm": pace.tokens_per_minute,
                }
                for tier, pace in self.paces.items()
            },
            "paths": self._paths(),
        }

    def _paths(self) -> dict[str, Any]:
        survey, history = self.seen.survey, self.history
        last = survey.plain[survey.ladder[-1]]
        told = (survey, history, self.confidence)
        return {
            TrialPath.CHEAP.value: self._path(cheap_only(*told), survey.plain[survey.ladder[0]]),
            TrialPath.ROUTED.value: self._path(routed(*told), survey.routed_at_most),
            TrialPath.EXPENSIVE.value: self._path(always_last(*told), last),
        }

    def _path(self, forecast: PathForecast | None, bound: Bound) -> dict[str, Any]:
        if forecast is None:
            return _bounded(bound)
        totals = forecast.totals
        return {
            "basis": "history",
            "input_tokens": _whole(totals.input_tokens),
            "output_tokens": _whole(totals.output_tokens),
            "calls": _whole(totals.calls),
            "cost_usd": [_usd(totals.cost_nano_usd.low), _usd(totals.cost_nano_usd.high)],
            "time_s": [round(end, 1) for end in _ends(duration_s(forecast, self.paces))],
            "documents_by_tier": _by_tier(forecast),
            "rests_on": list(forecast.rests_on),
        }


def plan(
    database: Database,
    task: FrozenTask,
    rollout: Rollout,
    deployment: DeploymentSpec,
    prices: PriceList,
    seen: Seen,
    confidence: float,
) -> Plan:
    """Return the plan of what was seen, from this ledger's past of the task where there is enough of it."""
    running = rollout.applied(task)
    past, historian = TaskHistory(database, task, rollout, deployment), Historian(running, prices)
    for item, path in past.read():
        historian.add(item, path)
    history = historian.history
    history.jobs, history.jobs_left_aside = len(past.job_ids), past.jobs_left_aside
    return Plan(task, seen, past, history, confidence, paces_of(running, deployment))


def paces_of(task: FrozenTask, deployment: DeploymentSpec) -> dict[str, Pace]:
    """Return what each tier may do with one worker process: its queue's concurrency and its model's limits."""
    return {
        tier.name: Pace(
            deployment.queue(tier.name).concurrency,
            deployment.models[tier.model].requests_per_minute,
            deployment.models[tier.model].tokens_per_minute,
        )
        for tier in task.tiers
    }


def _bounded(bound: Bound) -> dict[str, Any]:
    """Return what is known of a path without a call: upper bounds, and nothing of its time."""
    return {
        "basis": "bounds",
        "first_call_input_tokens": bound.first_tokens,
        "input_tokens": [None, bound.input_tokens],
        "output_tokens": [None, bound.output_tokens],
        "calls": [None, bound.calls],
        "cost_usd": [None, to_usd(NanoUsd(bound.cost_nano_usd))],
        "time_s": None,
        "documents_by_tier": None,
        "rests_on": [],
    }


def _by_tier(forecast: PathForecast) -> dict[str, list[int | None]]:
    """Return how many documents come to each tier, those that are only measured there or judged before not counted."""
    found: dict[str, list[int | None]] = {}
    for stage in forecast.stages:
        found.setdefault(stage.tier, _whole(stage.documents))
    return found


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _whole(interval: Interval) -> list[int | None]:
    """Return whole numbers around an interval; what is whole but for the noise of a float stays as it is."""
    low, high = (round(end, _NOISE_DIGITS) if math.isfinite(end) else end for end in (interval.low, interval.high))
    return [math.floor(low), math.ceil(high) if math.isfinite(high) else None]


def _usd(nano_usd: float) -> Decimal | None:
    return to_usd(NanoUsd(round(nano_usd))) if math.isfinite(nano_usd) else None
