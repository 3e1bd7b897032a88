"""What is known of a task's drift, as figures and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routing.drift.signal import ALARM_ALPHA, ALPHA, REFERENCE, SignalName
from storage import drift
from workers.drift_watch import PAGE, advance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from routing.drift.signal import Signal
    from storage.database import Database

_TITLES = {
    SignalName.ESCALATION: "first answers that fail",
    SignalName.FAILURES: "which check fails first",
    SignalName.CONFIDENCE: "confidence",
    SignalName.CALIBRATION: "the classifier's calibration",
}


def drift_figures(database: Database, task_name: str, pages: int | None = None) -> dict[str, object]:
    """Return the four signals of a task as JSON values, after taking in what was called since the last look.

    `then` are the means of its first observations, `lately` those of about the last 200. With `pages`, only so many
    thousands of items are taken in.
    """
    signals = advance(database, task_name, pages)
    return {
        "false_alarm_rate": ALARM_ALPHA,
        "assumes": f"beyond {PAGE} documents of a job, its input comes in no particular order",
        "signals": {str(name): _signal(signal) for name, signal in signals.items()},
    }


def _signal(signal: Signal) -> dict[str, object]:
    return {
        "observations": signal.seen,
        "reference": REFERENCE[signal.name],
        "then": _named(signal.figures, signal.reference),
        "lately": _named(signal.figures, signal.recent),
        "alarm": None
        if signal.alarm is None
        else {"after": signal.alarm.observations, "at_ms": signal.alarm.at_ms, "false_alarm_rate": ALPHA},
    }


def _named(names: Sequence[str], numbers: Sequence[float]) -> dict[str, float]:
    return {name: round(number, 6) for name, number in zip(names, numbers, strict=False)}


def drift_lines(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each signal's name, and a sentence on how it stands."""
    for name, signal in figures["signals"].items():
        title = _TITLES[SignalName(name)]
        seen, reference, alarm = signal["observations"], signal["reference"], signal["alarm"]
        if not seen:
            yield name, f"{title}: nothing observed"
        elif seen <= reference:
            yield name, f"{title}: {seen} of the first {reference} observed, which later ones are held against"
        elif alarm is None:
            yield name, f"{title}: no change shown in {seen} observations; {_change(signal)}"
        else:
            yield name, f"{title}: CHANGED, sure after {alarm['after']} of {seen} observations; {_change(signal)}"


def alarm_meaning(figures: Mapping[str, Any]) -> list[str]:
    """Return what an alarm can mean, in lines; nothing without one."""
    if not any(signal["alarm"] for signal in figures["signals"].values()):
        return []
    return [
        "An alarm says that later answers are not like the first ones: the model has changed, or the documents have.",
        f"Input that is sorted (by customer or kind, say) over more than {PAGE:,} documents of a job changes too, and",
        "no rate of false alarms is promised for it. Where that is no news: shuffle the input, then `--restart`.",
    ]


def nothing_observed(figures: Mapping[str, Any]) -> bool:
    """Whether no signal has seen anything yet."""
    return not any(signal["observations"] for signal in figures["signals"].values())


def drift_summary(figures: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each signal that has alarmed; one for all where none has, and none before they could."""
    signals = figures["signals"]
    alarmed = [line for name, line in drift_lines(figures) if signals[name]["alarm"]]
    if alarmed:
        return alarmed
    watched = sum(signal["observations"] > signal["reference"] for signal in signals.values())
    return [f"no change shown; {watched} of {len(signals)} signals have enough to be held against"] if watched else []


def drift_remarks(database: Database, task_names: Sequence[str] | None = None) -> list[str]:
    """Return a line for each of these tasks, or of all, that has drifted, by what was watched already."""
    return [
        f"{task_name} has drifted: {', '.join(_TITLES[SignalName(name)] for name in names)}."
        " `cheapfirst drift TASK` tells more."
        for task_name, names in drift.alarms(database, task_names).items()
    ]


def _change(signal: Mapping[str, Any]) -> str:
    then, lately = signal["then"], signal["lately"]
    told = (
        f"{name} {then[name]:.1%} then, {lately[name]:.1%} lately" for name in then if then[name] or lately.get(name)
    )
    return "; ".join(told)
