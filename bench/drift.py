"""How often drift is told though there is none, and how soon where there is: simulated first answers.

    python bench/drift.py false 1000 2000   # streams, documents in each
    python bench/drift.py delay 100         # streams of 2 000 documents, then one that changes

Prints the share of streams of which any signal alarmed, and for each change the documents until half and 95 % of the
streams had alarmed.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace

from routing.drift.signal import FirstVerdict, Signal, SignalName

SEED = 20261128
UNCHANGED = 2_000
MOST = 4_000


@dataclass(frozen=True)
class World:
    """Failing answers as a share, what confidence is drawn from (beta), and how the checks share the failures."""

    failing: float = 0.2
    confidence: float = 8.0
    checks: tuple[int, int, int] = (2, 2, 1)

    def verdict(self, draw: random.Random) -> FirstVerdict:
        """Return the next first answer; the classifier says what is true where a fifth fails."""
        probability = draw.choice((0.7, 0.8, 0.9))
        passed = draw.random() >= (1 - probability) * self.failing / 0.2
        check = "" if passed else draw.choices(("schema", "rules", "grounding"), self.checks)[0]
        return FirstVerdict(check, draw.betavariate(self.confidence, 2), probability, 1, draw.random())


USUAL = World()
CHANGES = {
    "failing 20 -> 40 %": (SignalName.ESCALATION, replace(USUAL, failing=0.4)),
    "failing 20 -> 30 %": (SignalName.ESCALATION, replace(USUAL, failing=0.3)),
    "failing 20 -> 10 %": (SignalName.ESCALATION, replace(USUAL, failing=0.1)),
    "passing 80 -> 60 % of the same probability": (SignalName.CALIBRATION, replace(USUAL, failing=0.4)),
    "mean confidence 0.80 -> 0.71": (SignalName.CONFIDENCE, replace(USUAL, confidence=5)),
    "one check fails 20 -> 60 % of the failures": (SignalName.FAILURES, replace(USUAL, checks=(1, 1, 3))),
}


def false_alarms(streams: int, documents: int) -> int:
    """Return how many streams without a change alarmed."""
    draw = random.Random(SEED)
    alarmed = 0
    for _ in range(streams):
        signals = [Signal.new(name) for name in SignalName]
        for _ in range(documents):
            verdict = USUAL.verdict(draw)
            for signal in signals:
                signal.take(verdict)
        alarmed += any(signal.alarm for signal in signals)
    return alarmed


def delays(streams: int, name: SignalName, then: World) -> list[int | None]:
    """Return after how many documents of a changed world each stream alarmed, None where it did not."""
    found: list[int | None] = []
    for seed in range(streams):
        draw = random.Random(SEED + seed)
        signal = Signal.new(name)
        for _ in range(UNCHANGED):
            signal.take(USUAL.verdict(draw))
        later = 0
        while signal.alarm is None and later < MOST:
            signal.take(then.verdict(draw))
            later += 1
        found.append(later if signal.alarm else None)
    return sorted(found, key=lambda delay: MOST + 1 if delay is None else delay)


if __name__ == "__main__":
    streams = int(sys.argv[2])
    if sys.argv[1] == "false":
        print(f"{false_alarms(streams, int(sys.argv[3]))} of {streams} streams alarmed")
    else:
        for title, (name, then) in CHANGES.items():
            found = delays(streams, name, then)
            print(f"{title}: half within {found[streams // 2]}, 95 % within {found[int(streams * 0.95) - 1]}")
