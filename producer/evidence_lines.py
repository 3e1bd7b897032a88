"""What goes on being measured of a task, in sentences: for the terminal and for Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from producer.drift import drift_summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def evidence_lines(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield titles and sentences: of a job's measured items, its task's, a person's labels, and drift."""
    found = report.get("evidence") or {"job": None, "task": None}
    if found["job"] is not None:
        yield "an answer", f"accepted below the last tier is {_spared(found['job'])}"
    if found["task"] is not None:
        task = found["task"]
        counts = f"{task['differing']} of {task['measured_items']} measured items"
        differ = f"{counts} differ from the last tier's answer ({_ends(task['wrong_interval'])} do)"
        yield "all jobs", f"{differ}; such an answer is {_spared(task)}"
    if report.get("audit") is not None:
        yield "audit", audit_line(report["audit"])
    if report.get("drift") is not None:
        yield from (("drift", line) for line in drift_summary(report["drift"]))


def audit_line(audit: Mapping[str, Any]) -> str:
    """Return what a person's labels tell."""
    doubtful, drawn = audit["doubtful"], audit["random"]
    labels = (
        f"{drawn['wrong']} of {drawn['labelled']} drawn at random wrong,"
        f" {doubtful['wrong']} of {doubtful['labelled']} doubtful ones"
    )
    share = "an unknown share" if audit["wrong_share"] is None else f"{audit['wrong_share']:.1%}"
    return (
        f"{share} ({_ends(audit['wrong_interval'])}) of {audit['accepted_items']} accepted answers is wrong by a"
        f" person's labels: {labels}"
    )


def _spared(found: Mapping[str, Any]) -> str:
    cost = _by(("cheaper", "dearer"), found["cheaper_share"], found["cheaper_interval"])
    time = _by(("sooner", "later"), found["sooner_share"], found["sooner_interval"])
    return f"{cost} and {time} than the last tier's"


def _by(words: tuple[str, str], share: float, interval: Sequence[float]) -> str:
    """Return how much more of something there is; of its opposite, with the ends turned round, below nothing."""
    more, less = words
    if share < 0:
        return f"{-share:.1%} {less} ({_ends([-end for end in reversed(interval)])})"
    return f"{share:.1%} {more} ({_ends(interval)})"


def _ends(interval: Sequence[float]) -> str:
    low, high = interval
    return f"{low:.1%} to {high:.1%}"
