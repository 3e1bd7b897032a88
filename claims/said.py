"""What production reports claim, beside what the replayed cases show of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claims.replay import Replayed

EXTRACTION_SAVED = 0.71
EXTRACTION_BETTER = 0.03
CLASSIFIER_SAVED = 0.58
CLASSIFIER_RIGHT = 0.85
HYBRID_SAVED = 0.38
GENERAL_SAVED = 0.40
SAFE = "safe"


@dataclass(frozen=True, slots=True)
class Said:
    """A claim, what was replayed of it, and whether the data reach it: `yes`, `no`, `in part`, or why they cannot."""

    claim: str
    replayed: str
    reached: str


def beside_the_claims(replayed: Sequence[Replayed]) -> list[Said]:
    """Return each claim with what the cases show. A saving counts where the verdict on quality is safe."""
    extraction = [one for one in replayed if one.case.data_set in {"committees", "receipts"}]
    classifying = [one for one in replayed if one.case.checks == "classifier"]
    hybrid = [one for one in replayed if one.case.checks == "classifier, agreement"]
    return [
        _of_saving("document extraction by escalation: 71 % cheaper", extraction, EXTRACTION_SAVED),
        _of_quality(extraction, replayed),
        _of_saving("copilot by a classifier: 58 % cheaper", classifying, CLASSIFIER_SAVED),
        _of_classifiers([one for one in replayed if one.classified is not None]),
        _of_saving("chatbot, hybrid: 38-44 % cheaper at parity", hybrid, HYBRID_SAVED),
        _of_saving("in general: 40-60 % cheaper", replayed, GENERAL_SAVED),
        _of_verdicts(replayed),
    ]


def _of_saving(claim: str, cases: Sequence[Replayed], saved: float) -> Said:
    safe = [one for one in cases if one.safety == SAFE]
    reaching = [one for one in safe if one.saved >= saved]
    if not cases:
        return Said(claim, "not replayed", "no data")
    shown = ", ".join(f"{one.saved:.1%} ({_named(one)})" for one in reaching)
    most = max(safe, key=lambda one: one.saved, default=None)
    instead = "none is safe" if most is None else f"the most at a safe quality is {most.saved:.1%}"
    told = f"{len(reaching)} of {len(cases)} cases, at a safe quality: {shown}" if reaching else f"no case: {instead}"
    return Said(claim, told, "no" if not reaching else "yes" if len(reaching) == len(cases) else "in part")


def _of_quality(cases: Sequence[Replayed], everywhere: Sequence[Replayed]) -> Said:
    claim = "document extraction by escalation: 3 points better"
    if not cases:
        return Said(claim, "not replayed", "no data")
    best, other = (max(some, key=lambda one: one.interval.low) for some in (cases, everywhere))
    told = f"the surest is {_surely(best)}"
    if other is not best:
        told += f"; of all cases, {_surely(other)}"
    return Said(claim, told, "yes" if best.difference >= EXTRACTION_BETTER and best.interval.low > 0 else "no")


def _surely(one: Replayed) -> str:
    interval = f"[{points(one.interval.low)}, {points(one.interval.high)}]"
    return f"{points(one.difference)} {interval} ({_named(one)})"


def _named(one: Replayed) -> str:
    return f"{one.case.data_set}: {one.case.title}, {one.case.checks}"


def _of_classifiers(cases: Sequence[Replayed]) -> Said:
    claim = "a classifier right in 85-95 %, $0.0001 a call"
    measured = {one.case.task: (one, one.classified) for one in cases if one.classified is not None}
    if not measured:
        return Said(claim, "not replayed", "no data")
    told = ", ".join(
        f"{metrics.accuracy:.1%} ({one.case.data_set}; always the same answer: {metrics.majority:.1%})"
        for one, metrics in measured.values()
    )
    reaching = [
        metrics for _, metrics in measured.values() if metrics.accuracy >= max(CLASSIFIER_RIGHT, metrics.majority)
    ]
    return Said(claim, f"{told}; it costs no call, being a local model", "yes" if reaching else "no")


def _of_verdicts(cases: Sequence[Replayed]) -> Said:
    counts: dict[str, int] = {}
    for one in cases:
        counts[one.safety] = counts.get(one.safety, 0) + 1
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
    return Said("safe within 3 points, too aggressive past 5", told, "the verdict of `eval`")


def points(share: float) -> str:
    """Return a difference of shares in points, with its sign; what rounds to nothing is `+0.0`."""
    return f"{round(share * 100, 1) + 0.0:+.1f}"
