"""How a job stands as plain figures, and how fast it goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.saving import saved_fraction
from routing.money import NanoUsd, to_usd
from storage import progress
from storage.states import JobState
from storage.workers import by_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.progress import Progress
    from storage.workers import WorkerReport

PACE_WINDOW_S = 20.0
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """Items that end each second, and the seconds until the last one does; None where nothing tells yet."""

    items_per_s: float | None
    remaining_s: float | None


class PaceMeter:
    """Measures the pace of a job over the last seconds in which it was looked at."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, job: JobRecord, at_s: float) -> Pace:
        """Take how the job stands at a time of a steady clock, and return the pace since the window began."""
        ended = job.items_done + job.items_failed
        self._looks.append((at_s, ended))
        while len(self._looks) > 2 and self._looks[1][0] <= at_s - PACE_WINDOW_S:  # noqa: PLR2004 - the two ends
            self._looks.popleft()
        began_s, ended_then = self._looks[0]
        return _pace(ended - ended_then, at_s - began_s, job.items_open)


@dataclass(frozen=True, slots=True)
class Look:
    """How a job stood at one moment, and its pace then."""

    progress: Progress
    pace: Pace


def watch(
    database: Database, reference: str, every_s: float, wait: Callable[[float], object], now_s: Callable[[], float]
) -> Iterator[Look]:
    """Yield how a job stands now and after every `every_s`, until it has ended or stopped; that is the last look.

    `wait` passes the time between two looks, and `now_s` is a steady clock. Raises NotFoundError.
    """
    meter = PaceMeter()
    while True:
        standing = progress.read(database, reference)
        yield Look(standing, meter.look(standing.job, now_s()))
        if standing.job.state not in {JobState.SUBMITTING, JobState.RUNNING}:
            return
        wait(every_s)


def average_pace(standing: Progress) -> Pace:
    """Return the pace of a job over all of its time, pauses included: what a single look can tell."""
    job = standing.job
    return _pace(job.items_done + job.items_failed, standing.elapsed_ms / _MS_PER_S, job.items_open)


def _pace(ended: int, seconds: float, still_open: int) -> Pace:
    if ended <= 0 or seconds <= 0:
        return Pace(None, None)
    rate = ended / seconds
    return Pace(round(rate, 2), round(still_open / rate, 1))


def figures(standing: Progress, pace: Pace, workers: Sequence[WorkerReport]) -> dict[str, object]:
    """Return how a job stands, in the form `status --json` prints."""
    job = standing.job
    return {
        **job_figures(job),
        "items": {
            "total": job.items_total,
            "done": job.items_done,
            "failed": job.items_failed,
            "in_flight": standing.in_flight,
        },
        "tiers": {
            tier.tier: {
                "queued": tier.queued,
                "attempts": tier.attempts,
                "accepted": tier.accepted,
                "escalated": tier.escalated,
                "routed": tier.routed,
                "review": tier.review,
                "failed": tier.failed,
                "troubles": tier.troubles,
                "cache_hits": tier.cache_hits,
                "cost_usd": to_usd(NanoUsd(tier.cost_nano_usd)),
            }
            for tier in standing.tiers
        },
        "elapsed_s": standing.elapsed_ms / _MS_PER_S,
        "items_per_s": pace.items_per_s,
        "remaining_s": pace.remaining_s,
        "workers": [
            {
                "name": worker.name,
                "queues": list(worker.queues),
                "concurrency": worker.concurrency,
                "in_flight": worker.in_flight,
                "blocked": worker.blocked,
            }
            for worker in by_process(workers)
        ],
    }


def job_figures(job: JobRecord) -> dict[str, object]:
    """Return a job's own figures: what `jobs --json` lists, and what every other form begins with."""
    return {
        "job": job.name,
        "id": job.id,
        "task": job.task_name,
        "state": str(job.state),
        "stop_reason": job.stop_reason,
        "stop_detail": job.stop_detail,
        "items": {"total": job.items_total, "done": job.items_done, "failed": job.items_failed},
        "cost_usd": to_usd(NanoUsd(job.cost_nano_usd)),
        "budget_usd": None if job.budget_nano_usd is None else to_usd(NanoUsd(job.budget_nano_usd)),
        "baseline_usd": to_usd(NanoUsd(job.baseline_nano_usd)),
        "baseline_kind": "estimated",
        "saved_fraction": saved_fraction(job.cost_nano_usd + job.cache_saved_nano_usd, job.baseline_nano_usd),
        "cache_saved_usd": to_usd(NanoUsd(job.cache_saved_nano_usd)),
    }
