"""A plan for a person: a line for each path, then what the ranges rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from producer.answer_sources import left_aside, source_remarks
from producer.dollars import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_TITLES = {"cheap": "cheap only", "routed": "routed", "expensive": "always expensive"}


def plan_text(told: Mapping[str, Any]) -> str:
    """Return a plan as text."""
    return "\n".join([*_head(told), "", *_table(told["paths"]), "", *_notes(told)])


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    refused = sum(told["refused"].values())
    more = "".join(f", {count} {word}" for word, count in _extras(told, refused) if count)
    yield f"{told['task']}: {told['documents']:,} documents, {told['characters']:,} characters{more}"
    starts = ", ".join(f"{tier} {count:,}" for tier, count in told["starts"].items())
    yield f"start in    {starts}"
    if told["holdout"]:
        yield f"held out    {told['holdout']:,} of them also run on the last tier, as far as they are accepted below it"


def _extras(told: Mapping[str, Any], refused: int) -> Sequence[tuple[str, int]]:
    return (
        ("inputs refused", refused),
        ("whose prompt cannot be written", told["unwritable"]),
        ("to be asked of a judge", told["asks_judge"]),
    )


def _table(paths: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'':<18}{'cost':<24}{'tokens in':<28}{'tokens out':<26}time"
    for name, path in paths.items():
        low, high = path["cost_usd"]
        cost = f"at most {shown(high)}" if low is None else _between(shown(low), shown(high))
        time = "not known" if path["time_s"] is None else " to ".join(map(_duration, path["time_s"]))
        read, written = (_range(path[key]) for key in ("input_tokens", "output_tokens"))
        yield f"{_TITLES[name]:<18}{cost:<24}{read:<28}{written:<26}{time}"


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    history, paths = told["history"], told["paths"]
    counted = [(name, path) for name, path in paths.items() if path["basis"] == "history"]
    bounded = [(name, path) for name, path in paths.items() if path["basis"] == "bounds"]
    if counted:
        yield f"Each range holds with at least {told['confidence']:.1%}, for documents like those it rests on:"
        for name, path in counted:
            yield f"  {_TITLES[name]:<17} {'; '.join(path['rests_on'])}"
        queues = "; ".join(f"{tier}: {_pace(pace)}" for tier, pace in told["queues"].items())
        yield f"  {'time':<17} one worker process a queue, {queues}"
        yield f"  {'':<17} not counted: starting them, this machine's own work, a provider in trouble"
    if bounded:
        names = ", ".join(_TITLES[name] for name, _ in bounded)
        yield f"Upper bounds ({names}): a token for two bytes sent, the longest answers, every repair and step up."
        for name, path in bounded:
            tokens = path["first_call_input_tokens"]
            yield f"  {_TITLES[name]:<17} one call a tier sends about {tokens:,} tokens (characters / 4)"
    seen = f"{history['items']:,} documents of {history['jobs']} jobs that called as this one would"
    yield f"History: {seen}{_left(history)}."
    yield from source_remarks(history["answered_by"])
    if bounded:
        yield "`--sample 50` pays for 50 of these documents, and gives ranges."


def _left(history: Mapping[str, Any]) -> str:
    jobs, items = history["jobs_left_aside"], history["items_left_aside"]
    other = f"; {jobs} jobs with other models, prompts or checks left aside" if jobs else ""
    return f"{other}; {left_aside(items)}" if items else other


def _pace(pace: Mapping[str, Any]) -> str:
    limits = "".join(f", {pace[key]:,} {key}" for key in ("rpm", "tpm") if pace[key] is not None)
    return f"{pace['concurrency']} calls at once{limits}"


def _range(ends: Sequence[int | None]) -> str:
    low, high = ends
    return f"at most {high:,}" if low is None else _between(f"{low:,}", f"{high:,}")


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _duration(seconds: float) -> str:
    for unit, length in (("d", _DAY_S), ("h", _HOUR_S), ("min", _MINUTE_S)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
