"""What measured items tell of all the others: how often what was accepted differs, what was saved, how much faster.

Every interval holds however often one looks (`routing/confidence_sequence.py`): a running job is looked at often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.statistics.needed import more_needed
from evaluation.statistics.safety import AGGRESSIVE, MARGIN, Safety
from routing.bounded_mean import BoundedMean
from routing.confidence_sequence import Interval, mean_interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.pair_comparison import PairComparison
    from routing.json_value import JsonValue
    from storage.evidence import HeldPair

ALPHA = 0.05
"""Each interval is wrong with this probability at most, over all looks at it together."""
STANDINGS = 40
"""Moments at which the course of the estimates is told."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field on which the accepted answer and the last tier's differ."""

    custom_id: str
    field: str
    accepted: JsonValue
    last: JsonValue


@dataclass(frozen=True, slots=True)
class Standing:
    """What the first `pairs` measured items showed, at the time (ms since 1970) the last of them ended.

    `cheaper` and `sooner` are means over items of what the accepted answer spares of the last tier's cost and time, as
    a share: 0.9 for a tenth of the cost, -0.9 for ten times. They lie between -1 and 1 whatever a call costs or takes,
    so that their intervals hold for any number of items.
    """

    pairs: int
    at_ms: int
    differing: int
    wrong: Interval
    mean_cheaper: float
    cheaper: Interval
    mean_sooner: float
    sooner: Interval


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of `count` values, one at least, with the total of their squares: enough for its interval."""

    count: int
    mean: float
    total_of_squares: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Return the mean of these values."""
        return cls(len(values), sum(values) / len(values), sum(value * value for value in values))

    def interval(self, count: int | None = None) -> Interval:
        """Return its interval; with `count`, the one that so many values would have, were they like those seen."""
        number = self.count if count is None else count
        return mean_interval(number, self.mean * number, self.total_of_squares * number / self.count, ALPHA)


@dataclass(frozen=True, slots=True)
class LiveEvidence:
    """What `pairs` measured items show. Shares are of items, money is nano-dollars, times are milliseconds.

    An accepted answer is `differing` where any field differs from the last tier's, which counts as wrong though it may
    be the better one. `lost` is the same as a share of all items of the job: those the last tier answered lose nothing.
    `more_needed` is how many further items would show more than `Safety.NOT_ENOUGH_DATA`, if they are like those seen;
    None where something is shown, or no number would do. `course` is how the estimates stood after a growing number of
    items, in the order in which these ended.
    """

    pairs: int
    differing: int
    wrong: Interval
    lost: Interval
    safety: Safety
    more_needed: int | None
    last_cost_nano_usd: Mean
    faster_ms: Mean
    differences: tuple[Difference, ...]
    course: tuple[Standing, ...]


def live_evidence(
    pairs: Sequence[HeldPair], compare: PairComparison, accepted_share: float, margin: float = MARGIN
) -> LiveEvidence | None:
    """Return what measured items show, in the order in which they ended; None without any.

    `accepted_share` is the share of ended items that a tier below the last accepted. Items of which the last tier's
    answer cannot be read tell nothing. Raises UsageError where a custom comparator fails.
    """
    compared = [(pair, fields) for pair in pairs if (fields := compare.differing(pair.output, pair.answer)) is not None]
    if not compared:
        return None
    course = _course([(pair, bool(fields)) for pair, fields in compared])
    wrong = course[-1].wrong
    pairs_seen, differing = len(compared), course[-1].differing
    lost = _lost(wrong, accepted_share)

    def is_shown(count: int) -> bool:
        like_these = share_interval(round(differing * count / pairs_seen), count, ALPHA)
        return _safety(_lost(like_these, accepted_share), margin) is not Safety.NOT_ENOUGH_DATA

    safety = _safety(lost, margin)
    return LiveEvidence(
        pairs=pairs_seen,
        differing=differing,
        wrong=wrong,
        lost=lost,
        safety=safety,
        more_needed=more_needed(pairs_seen, is_shown) if safety is Safety.NOT_ENOUGH_DATA else None,
        last_cost_nano_usd=Mean.of([float(pair.last_cost_nano_usd) for pair, _ in compared]),
        faster_ms=Mean.of([float(pair.last_provider_ms - pair.provider_ms) for pair, _ in compared]),
        differences=tuple(
            Difference(pair.custom_id, name, *values) for pair, fields in compared for name, values in fields.items()
        ),
        course=course,
    )


def _course(compared: Sequence[tuple[HeldPair, bool]]) -> tuple[Standing, ...]:
    """Return how the estimates stood at up to `STANDINGS` moments, the last one after all items."""
    cheaper, sooner = BoundedMean(-1, 1, ALPHA), BoundedMean(-1, 1, ALPHA)
    moments = {len(compared) * part // STANDINGS for part in range(1, STANDINGS + 1)}
    differing = 0
    standings = []
    for number, (pair, differs) in enumerate(compared, 1):
        differing += differs
        cheaper.add(_spared(pair.cost_nano_usd, pair.last_cost_nano_usd))
        sooner.add(_spared(pair.provider_ms, pair.last_provider_ms))
        if number in moments:
            standings.append(
                Standing(
                    pairs=number,
                    at_ms=pair.ended_ms,
                    differing=differing,
                    wrong=share_interval(differing, number, ALPHA),
                    mean_cheaper=cheaper.mean,
                    cheaper=cheaper.interval(),
                    mean_sooner=sooner.mean,
                    sooner=sooner.interval(),
                )
            )
    return tuple(standings)


def _spared(own: int, last: int) -> float:
    """Return what is spared as a share of the greater of both, negative where `own` is; 0 where both are nothing."""
    return (last - own) / max(own, last) if own or last else 0.0


def _lost(wrong: Interval, accepted_share: float) -> Interval:
    return Interval(wrong.low * accepted_share, wrong.high * accepted_share)


def _safety(lost: Interval, margin: float) -> Safety:
    if lost.high <= margin:
        return Safety.SAFE
    if lost.low > margin * AGGRESSIVE:
        return Safety.TOO_AGGRESSIVE
    return Safety.WATCH if lost.low > margin else Safety.NOT_ENOUGH_DATA
