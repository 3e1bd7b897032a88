"""What is watched for drift: four signals of a first tier, each against how it was at the beginning."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from routing.drift.change_bets import ChangeBets
from routing.drift.ranked_bag import RankedBag
from routing.verdict import CheckName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALARM_ALPHA = 0.01
"""With this probability at most, any of the four signals of a task ever alarms though nothing has changed."""
_MEMORY = 200
"""Observations that `recent` is a mean of, roughly."""
_CONFIDENCES = 250  # steps that confidences are told apart by
_TENTHS = 10
_LOW_RANKS = (0.2, 0.5, 0.8)
_CHECKS = tuple(CheckName)


class SignalName(StrEnum):
    """The signals. Never rename one: they are stored."""

    ESCALATION = "escalation"  # how many first answers fail
    FAILURES = "failures"  # which check it is that fails first
    CONFIDENCE = "confidence"  # how sure the model is of its answers
    CALIBRATION = "calibration"  # how many pass of those a classifier gave the same probability


ALPHA = ALARM_ALPHA / len(SignalName)
REFERENCE = {
    SignalName.ESCALATION: 500,
    SignalName.FAILURES: 100,
    SignalName.CONFIDENCE: 500,
    SignalName.CALIBRATION: 500,
}
"""Observations that the later ones are held against: nothing is bet on them."""


@dataclass(frozen=True, slots=True)
class FirstVerdict:
    """What became of the first answer about a document. `check` is the first that failed, empty where it passed.

    `chance` is a number drawn evenly from 0 to 1 for this document, to break ties with.
    """

    check: str
    confidence: float | None
    probability: float | None
    at_ms: int
    chance: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """When a signal was sure that something has changed: after how many observations, and at what time."""

    observations: int
    at_ms: int


@dataclass(slots=True)
class Signal:
    """One signal so far. `figures` name what `reference` (its first part) and `recent` are means of."""

    name: SignalName
    bag: RankedBag
    bets: ChangeBets
    seen: int = 0
    reference: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    alarm: Alarm | None = None

    @classmethod
    def new(cls, name: SignalName) -> Signal:
        """Return a signal that has seen nothing."""
        return cls(name, RankedBag(_KINDS[name]), ChangeBets(_SLOTS[name]))

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Signal:
        """Return what `as_json` told."""
        counts = {int(group): list(found) for group, found in value["bag"]["counts"].items()}
        return cls(
            name=SignalName(value["name"]),
            bag=RankedBag(value["bag"]["kinds"], counts),
            bets=ChangeBets(**value["bets"]),
            seen=value["seen"],
            reference=value["reference"],
            recent=value["recent"],
            alarm=None if value["alarm"] is None else Alarm(**value["alarm"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything of it as JSON values."""
        return asdict(self)

    @property
    def figures(self) -> tuple[str, ...]:
        """What the numbers of `reference` and `recent` are shares or means of."""
        return _FIGURES[self.name]

    def take(self, verdict: FirstVerdict) -> None:
        """Take the next first verdict; one that says nothing of this signal is passed over."""
        observed = _observed(self.name, verdict)
        if observed is None:
            return
        kind, group, numbers = observed
        self.seen += 1
        self._remember(numbers)
        if self.alarm is not None:
            return
        expected = self._expected(group)
        rank = self.bag.add(kind, verdict.chance, group)
        if self.seen > REFERENCE[self.name]:
            wealth = self.bets.bet([(high - low, low <= rank < high) for low, high in expected])
            if wealth >= 1 / ALPHA:
                self.alarm = Alarm(self.seen, verdict.at_ms)

    def _expected(self, group: int) -> Sequence[tuple[float, float]]:
        """Return the intervals of ranks to bet on, made of what came before."""
        if self.name is SignalName.CONFIDENCE:
            return [(0.0, rank) for rank in _LOW_RANKS]
        return [self.bag.share_of(kind, group) for kind in range(self.bets.slots)]

    def _remember(self, numbers: Sequence[float]) -> None:
        weight = 1 / min(self.seen, _MEMORY)
        self.recent = _moved(self.recent, numbers, weight)
        if self.seen <= REFERENCE[self.name]:
            self.reference = _moved(self.reference, numbers, 1 / self.seen)


_KINDS = {
    SignalName.ESCALATION: 2,
    SignalName.FAILURES: len(_CHECKS),
    SignalName.CONFIDENCE: _CONFIDENCES + 1,
    SignalName.CALIBRATION: 2,
}
# Of two kinds, the second is known by the first.
_SLOTS = {
    SignalName.ESCALATION: 1,
    SignalName.FAILURES: len(_CHECKS),
    SignalName.CONFIDENCE: len(_LOW_RANKS),
    SignalName.CALIBRATION: 1,
}
_FIGURES: dict[SignalName, tuple[str, ...]] = {
    SignalName.ESCALATION: ("failed",),
    SignalName.FAILURES: tuple(map(str, _CHECKS)),
    SignalName.CONFIDENCE: ("confidence",),
    SignalName.CALIBRATION: ("said", "passed"),
}


_Observed: TypeAlias = "tuple[int, int, Sequence[float]]"
"""The kind and the group of an observation, and the numbers to remember."""


def _observed(name: SignalName, verdict: FirstVerdict) -> _Observed | None:
    passed = not verdict.check
    if name is SignalName.ESCALATION:
        return int(passed), 0, (float(not passed),)
    if name is SignalName.FAILURES:
        return None if passed else _failure(verdict.check)
    if name is SignalName.CONFIDENCE:
        return None if verdict.confidence is None else _confidence(verdict.confidence)
    return None if verdict.probability is None else _prediction(verdict.probability, passed=passed)


def _failure(failed: str) -> _Observed | None:
    if failed not in _CHECKS:
        return None  # a check that this version does not know
    return _CHECKS.index(CheckName(failed)), 0, [float(check == failed) for check in _CHECKS]


def _confidence(confidence: float) -> _Observed:
    sure = min(1.0, max(0.0, confidence))
    return round(sure * _CONFIDENCES), 0, (sure,)


def _prediction(probability: float, *, passed: bool) -> _Observed:
    return int(passed), min(_TENTHS - 1, int(probability * _TENTHS)), (probability, float(passed))


def _moved(means: Sequence[float], numbers: Sequence[float], weight: float) -> list[float]:
    if not means:
        return list(numbers)
    return [mean + weight * (number - mean) for mean, number in zip(means, numbers, strict=True)]
