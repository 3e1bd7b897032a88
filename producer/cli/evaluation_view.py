"""An evaluation for a person: a screen of lines, with every interval beside its figure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from producer.answer_sources import source_remarks
from producer.cli.printable import printable
from producer.dollars import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAMES_SHOWN = 10
LEAST_CHANCE = 0.001
_VERDICTS = {
    "safe": "safe (the whole interval lies within {margin})",
    "watch": "watch (surely worse, and as measured by more than {margin})",
    "too_aggressive": "too aggressive (surely worse, and as measured by more than {limit})",
    "not_enough_data": "not enough data",
}


def evaluation_text(told: Mapping[str, Any]) -> str:
    """Return an evaluation as text."""
    documents = f"{told['items']} labelled documents, intervals at {told['confidence']:.0%}"
    lines = [f"{told['task']}: evaluation {told['evaluation']}, {documents}"]
    for name, path in told["paths"].items():
        lines += _path(name, path)
    for name, difference in told["differences"].items():
        lines += ["", *_difference(f"{name} against expensive", difference)]
    if "strata" in told:
        lines += ["", *_strata(told["strata"])]
    verdict = told["verdict"]
    if verdict is not None:
        judged = told["differences"][verdict["path"]]
        lines += ["", f"verdict     {verdict['path']}: {verdict_words(judged)}"]
    lines += source_remarks(told.get("answered_by", ()))
    return "\n".join(lines)


def comparison_text(told: Mapping[str, Any]) -> str:
    """Return the comparison of two evaluations as text."""
    lines = [f"evaluation {told['after']} against evaluation {told['before']}"]
    for name, path in told["paths"].items():
        lines += ["", *_difference(f"{name}, {path['items']} documents", path), f"  verdict   {verdict_words(path)}"]
        for change in ("became_right", "became_wrong"):
            lines += _names(change.replace("_", " "), path[change])
    return "\n".join(lines)


def line_of(told: Mapping[str, Any]) -> str:
    """Return an evaluation in one line of a list."""
    rates = ", ".join(f"{name} {path['pass_rate']:.1%}" for name, path in told["paths"].items())
    verdict = told["verdict"]
    judged = "" if verdict is None else f"; {verdict['path']}: {verdict['safety'].replace('_', ' ')}"
    day = datetime.fromtimestamp(told["at_ms"] / 1000, UTC).date()
    return f"{told['evaluation']:>4}  {day}  {told['task']}: {told['items']} documents, {rates}{judged}"


def verdict_words(difference: Mapping[str, Any]) -> str:
    """Return what follows from a difference, in words."""
    from evaluation.statistics.safety import AGGRESSIVE

    margin = difference["margin"]
    told = _VERDICTS[difference["safety"]].format(margin=_points(margin), limit=_points(margin * AGGRESSIVE))
    if difference["safety"] != "not_enough_data":
        return told
    more = difference["more_needed"]
    if more is None:
        return f"{told} (the difference lies so near {_points(margin)} that no number of documents would tell)"
    return f"{told}: {more:,} more documents needed, if the rates stay as they are"


def _path(name: str, path: Mapping[str, Any]) -> Iterator[str]:
    low, high = path["interval"]
    yield (
        f"{name:<11} {path['pass_rate']:.1%} right [{low:.1%}, {high:.1%}];"
        f" {path['accepted_wrong']} accepted and wrong, {path['refused']} accepted by no tier"
    )
    cost = f"{shown(Decimal(str(path['cost_usd'])))}, {shown(Decimal(str(path['cost_per_item_usd'])))} each"
    latency = (
        f"; p50 {path['latency_p50_ms']} ms, p95 {path['latency_p95_ms']} ms"
        if path["timed"]
        else "; not timed: cached"
    )
    tiers = ", ".join(f"{count} ended in {tier}" for tier, count in path["tiers"].items())
    yield f"            {cost}{latency}; {tiers}"
    yield f"            fields: {', '.join(f'{field} {share:.1%}' for field, share in path['fields'].items())}"


def _difference(title: str, told: Mapping[str, Any]) -> Iterator[str]:
    pairs = told["pairs"]
    yield title
    yield (
        f"  right     {signed(told['difference'])} {_range(told['interval'])};"
        f" {pairs['better']} better, {pairs['worse']} worse, {_chance(told['mcnemar_p'])}"
    )
    for field, measured in told["fields"].items():
        yield f"  {field:<9} {signed(measured['mean'])} {_range(measured['interval'])}"
    saved = told["saved_fraction"]
    if saved is not None:
        yield f"  cost      {_cheaper(saved['mean'], saved['interval'])}"
    latency = told["latency_ms"]
    if latency is not None:
        interval = latency["interval"]
        within = "" if interval is None else f" [{interval[0]:+.0f}, {interval[1]:+.0f}]"
        yield f"  latency   {latency['mean']:+.0f} ms{within}, of {latency['timed']} timed in both"


def _chance(probability: float) -> str:
    return "p < 0.001" if probability < LEAST_CHANCE else f"p {probability:.3f}"


def _cheaper(mean: float, interval: Sequence[float] | None) -> str:
    """Return what share less a path costs; or more, with the ends of the interval turned round."""
    sign, word, ends = (1, "less", interval) if mean >= 0 else (-1, "more", interval and interval[::-1])
    within = "" if ends is None else f" [{sign * ends[0]:.1%}, {sign * ends[1]:.1%}]"
    return f"{sign * mean:.1%} {word}{within}"


def _strata(strata: Mapping[str, Any]) -> Iterator[str]:
    yield f"by {strata['by']}"
    for row in strata["rows"]:
        rates = ", ".join(
            f"{name} {path['pass_rate']:.1%}" for name, path in row["paths"].items() if path["pass_rate"] is not None
        )
        count = max(path["items"] for path in row["paths"].values())
        judged = "".join(
            f"; {name} {signed(told['difference'])} {_range(told['interval'])} {told['safety'].replace('_', ' ')}"
            for name, told in list(row["differences"].items())[:1]
        )
        yield f"  {printable(row['stratum']):<9} {count} documents: {rates}{judged}"


def _names(title: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        yield f"  {title}: {', '.join(map(printable, names[:NAMES_SHOWN]))}{more}"


def signed(share: float) -> str:
    """Return a difference of shares in points, with its sign."""
    return f"{share * 100:+.1f} points"


def _points(share: float) -> str:
    return f"{share * 100:g} points"


def _range(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"[{interval[0] * 100:+.1f}, {interval[1] * 100:+.1f}]"
