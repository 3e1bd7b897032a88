"""The four signals: seldom a false alarm, and soon a true one."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import pytest

from routing.drift.signal import ALARM_ALPHA, REFERENCE, FirstVerdict, Signal, SignalName

STREAMS = 1_000


@dataclass(frozen=True)
class _World:
    """How first answers come: the least sure pass with this power of what a classifier says of them."""

    power: float = 1.0
    confidence: float = 8.0
    checks: tuple[int, int, int] = (2, 2, 1)

    def verdict(self, draw: random.Random) -> FirstVerdict:
        probability = draw.choice((0.6, 0.8, 0.95))
        passed = draw.random() < probability**self.power
        check = "" if passed else draw.choices(("schema", "rules", "grounding"), self.checks)[0]
        return FirstVerdict(check, draw.betavariate(self.confidence, 2), probability, 1, draw.random())


USUAL = _World()


def _watch(draw: random.Random, count: int, later: int = 0, then: _World = USUAL) -> dict[SignalName, Signal]:
    signals = {name: Signal.new(name) for name in SignalName}
    for number in range(count + later):
        verdict = (USUAL if number < count else then).verdict(draw)
        for signal in signals.values():
            signal.take(verdict)
    return signals


@pytest.mark.parametrize("name", list(SignalName))
def test_without_drift_no_more_streams_alarm_than_stated(name: SignalName) -> None:
    """At any of 100 observations behind the reference, of 1 000 streams; the four signals share what is stated."""
    draw = random.Random(20261128)
    alarmed = 0
    for _ in range(STREAMS):
        signal = Signal.new(name)
        for _ in range(REFERENCE[name] + 100):
            failing = name is SignalName.FAILURES or draw.random() < 0.2
            check = ("schema", "rules", "grounding")[int(3 * draw.random() ** 2)] if failing else ""
            signal.take(FirstVerdict(check, draw.random(), 0.8, 1, draw.random()))
        alarmed += signal.alarm is not None
    assert alarmed <= STREAMS * ALARM_ALPHA / len(SignalName)


@pytest.mark.parametrize(
    ("name", "then"),
    [
        (SignalName.ESCALATION, _World(power=2.5)),
        (SignalName.CALIBRATION, _World(power=2.5)),
        (SignalName.CONFIDENCE, _World(confidence=5)),
        (SignalName.FAILURES, _World(checks=(1, 1, 4))),
    ],
)
def test_a_change_alarms_soon(name: SignalName, then: _World) -> None:
    """In ten streams of ten within 600 documents, and not before the change.

    After 1 000 documents failures go from 22 to 45 %, confidence from 0.80 to 0.71, or two of three failures are
    grounding's instead of one of five.
    """
    for seed in range(10):
        signal = _watch(random.Random(seed), 1_000, 600, then)[name]
        assert signal.alarm is not None
        if name is not SignalName.FAILURES:
            assert signal.alarm.observations > 1_000


def test_other_documents_are_no_change_of_calibration() -> None:
    """Where documents become harder and the classifier says so, as many pass of each probability as before."""
    draw = random.Random(3)
    signal = Signal.new(SignalName.CALIBRATION)
    for number in range(1_500):
        probability = draw.choice((0.6, 0.8, 0.95)) if number < 700 else 0.6
        passed = draw.random() < probability
        signal.take(FirstVerdict("" if passed else "rules", None, probability, 1, draw.random()))
    assert signal.alarm is None


def test_what_says_nothing_of_a_signal_is_passed_over() -> None:
    """No confidence, no probability, no failure, or the failure of a check that is not known: nothing observed."""
    for name in (SignalName.FAILURES, SignalName.CONFIDENCE, SignalName.CALIBRATION):
        signal = Signal.new(name)
        signal.take(FirstVerdict("", None, None, 1, 0.5))
        assert signal.seen == 0
    signal = Signal.new(SignalName.FAILURES)
    signal.take(FirstVerdict("a check of a later version", None, None, 1, 0.5))
    assert signal.seen == 0


def test_a_signal_goes_on_from_what_was_kept() -> None:
    """As JSON, in the middle of its bets, it comes to the same."""
    draw = random.Random(4)
    whole = {name: Signal.new(name) for name in SignalName}
    for _ in range(REFERENCE[SignalName.ESCALATION] + 100):
        verdict = USUAL.verdict(draw)
        for signal in whole.values():
            signal.take(verdict)
    parts = {name: Signal.of_json(json.loads(json.dumps(signal.as_json()))) for name, signal in whole.items()}
    assert parts == whole
    for _ in range(400):
        verdict = _World(power=3).verdict(draw)
        for signal in (*whole.values(), *parts.values()):
            signal.take(verdict)
    assert parts == whole
    assert whole[SignalName.ESCALATION].alarm is not None


def test_it_tells_how_it_was_and_how_it_is() -> None:
    """Means over the reference and over about the last 200; an alarm stands, with its place, and takes no more bets."""
    draw = random.Random(5)
    signal = _watch(draw, 1_000, 1_500, _World(power=3))[SignalName.ESCALATION]
    assert signal.figures == ("failed",)
    assert signal.reference[0] == pytest.approx(0.217, abs=0.06)
    assert signal.recent[0] == pytest.approx(0.51, abs=0.12)
    assert signal.alarm is not None
    assert signal.bets.made == signal.alarm.observations - REFERENCE[SignalName.ESCALATION]
