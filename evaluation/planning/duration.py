"""How long a path takes: from the time its calls hold the gate, and from what its queues and models allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.confidence_sequence import Interval
from workers.limits.redis_limits import BURST_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evaluation.planning.forecast import PathForecast, Stage

_MINUTE_S = 60
_SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Pace:
    """What a tier may do: calls in flight over all its workers, and its model's requests and tokens a minute."""

    concurrency: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


def duration_s(forecast: PathForecast, paces: Mapping[str, Pace]) -> Interval:
    """Return how many seconds a path takes.

    At least what the slowest of its tiers takes, as if all worked at once from the beginning; at most what they take
    one after the other, each waiting for its longest document. On top come the start of workers, what this machine
    itself needs for a document, and a provider in trouble.
    """
    stages = [(stage, paces[stage.tier]) for stage in forecast.stages]
    low = max((_seconds(stage, pace, 0) for stage, pace in stages), default=0.0)
    high = math.fsum(_seconds(stage, pace, 1) + stage.longest_ms / _SECOND_MS for stage, pace in stages)
    return Interval(low, high)


def _seconds(stage: Stage, pace: Pace, end: int) -> float:
    """Return how long a tier takes by whatever holds it back most, `end` 0 for the least and 1 for the most."""
    totals = stage.totals
    calls, busy_ms = ((interval.low, interval.high)[end] for interval in (totals.calls, totals.busy_ms))
    read, written = ((one.low, one.high)[end] for one in (totals.input_tokens, totals.output_tokens))
    at_once = max(1.0, min(pace.concurrency, (stage.documents.low, stage.documents.high)[end]))
    waits = [busy_ms / _SECOND_MS / at_once]
    if pace.requests_per_minute is not None:
        waits.append(calls / pace.requests_per_minute * _MINUTE_S - BURST_S)
    if pace.tokens_per_minute is not None:
        waits.append((read + written) / pace.tokens_per_minute * _MINUTE_S - BURST_S)
    return max(waits)
