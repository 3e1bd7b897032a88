"""What measured items tell of all the others: how often what was accepted differs, what was saved, how much faster.

Every interval holds however often one looks (`routing/confidence_sequence.py`): a running job is looked at often.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.statistics.safety import AGGRESSIVE, MARGIN, Safety
from routing.answer import parse_answer
from routing.completion import FinishReason
from routing.confidence_sequence import Interval, mean_interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from routing.comparison import Comparison
    from routing.json_value import JsonValue
    from storage.evidence import HeldPair

ALPHA = 0.05
"""Each interval is wrong with this probability at most, over all looks at it together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field on which the accepted answer and the last tier's differ."""

    custom_id: str
    field: str
    accepted: JsonValue
    last: JsonValue


@dataclass(frozen=True, slots=True)
class LiveEvidence:
    """What `pairs` measured items show. Shares are of items, money is nano-dollars, times are milliseconds.

    An accepted answer is `differing` where any field differs from the last tier's, which counts as wrong though it may
    be the better one. `lost` is the same as a share of all items of the job: those the last tier answered lose nothing.
    """

    pairs: int
    differing: int
    wrong: Interval
    lost: Interval
    safety: Safety
    last_cost_nano_usd: Interval
    mean_last_cost_nano_usd: float
    faster_ms: Interval
    mean_faster_ms: float
    differences: tuple[Difference, ...]


def live_evidence(
    pairs: Sequence[HeldPair], comparison: Comparison, accepted_share: float, margin: float = MARGIN
) -> LiveEvidence | None:
    """Return what measured items show, None without any.

    `accepted_share` is the share of ended items that a tier below the last accepted.
    """
    readable = [
        (pair, last) for pair in pairs if (last := parse_answer(pair.answer, FinishReason.STOP).output) is not None
    ]
    if not readable:
        return None
    differences = [tuple(_differences(pair, last, comparison)) for pair, last in readable]
    differing = sum(map(bool, differences))
    wrong = share_interval(differing, len(readable), ALPHA)
    lost = Interval(wrong.low * accepted_share, wrong.high * accepted_share)
    costs = [float(pair.last_cost_nano_usd) for pair, _ in readable]
    faster = [float(pair.last_provider_ms - pair.provider_ms) for pair, _ in readable]
    return LiveEvidence(
        pairs=len(readable),
        differing=differing,
        wrong=wrong,
        lost=lost,
        safety=_safety(lost, margin),
        last_cost_nano_usd=_mean(costs),
        mean_last_cost_nano_usd=sum(costs) / len(costs),
        faster_ms=_mean(faster),
        mean_faster_ms=sum(faster) / len(faster),
        differences=tuple(difference for found in differences for difference in found),
    )


def _differences(pair: HeldPair, last: Mapping[str, JsonValue], comparison: Comparison) -> Iterable[Difference]:
    accepted: dict[str, JsonValue] = json.loads(pair.output)
    for name in {**accepted, **last}:
        if not comparison.alike(name, accepted.get(name), last.get(name)):
            yield Difference(pair.custom_id, name, accepted.get(name), last.get(name))


def _safety(lost: Interval, margin: float) -> Safety:
    if lost.high <= margin:
        return Safety.SAFE
    if lost.low > margin * AGGRESSIVE:
        return Safety.TOO_AGGRESSIVE
    return Safety.WATCH if lost.low > margin else Safety.NOT_ENOUGH_DATA


def _mean(values: Sequence[float]) -> Interval:
    return mean_interval(len(values), sum(values), sum(value * value for value in values), ALPHA)
