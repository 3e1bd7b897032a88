"""A calibration for a person: what was shown, at which cost, and where the promise ends."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from producer.answer_sources import source_remarks
from producer.dollars import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BAR_WIDTH = 20
MOST_ROWS = 12


def calibration_text(told: Mapping[str, Any]) -> str:
    """Return a calibration as text."""
    goal = f"of what stands at most {told['margin']:.1%} worse than the last tier's, {told['confidence']:.0%} sure"
    lines = [f"{told['task']}: calibration {told['calibration']}, {goal}"]
    lines += _part("all", told["everywhere"], told["margin"])
    for name, part in told["strata"].items():
        lines += ["", *_part(f"{told['by']} {name}", part, told["margin"])]
    lines += source_remarks(told.get("answered_by", ()))
    return "\n".join(lines)


def line_of(told: Mapping[str, Any]) -> str:
    """Return a version in one line of a list."""
    active = " *" if told["active"] else "  "
    chosen = told["everywhere"]["chosen"]
    found = "the target could not be met" if chosen is None else _least(chosen["least"])
    documents = f"{told['everywhere']['documents']} documents"
    return f"{told['calibration']:>4}{active} {found}; {told['margin']:.1%} at {told['confidence']:.0%}, {documents}"


def _part(name: str, part: Mapping[str, Any], margin: float) -> Iterator[str]:
    yield (
        f"{name}: {part['documents']} labelled documents; of {part['candidates']} the first answer could stand, "
        f"{part['base_losses']} of these are worse than the last tier's ({part['base_risk']:.1%})"
    )
    if part["must_refuse"] > 0:
        yield f"  for {margin:.1%}, any signal has to refuse {part['must_refuse']:.1%} of them at least"
    if part["tried"]:
        yield "  cost against the last tier alone  stands  worse  at most  thresholds"
        yield from (_row(setting, Decimal(str(part["always_last_usd"]))) for setting in _frontier(part["tried"]))
    yield f"  {_verdict(part, margin)}"


def _row(setting: Mapping[str, Any], always_last: Decimal) -> str:
    """Draw a point of the frontier: cost as a bar, quality as the bound beside it; `*` where the goal is shown."""
    cost = Decimal(str(setting["cost_usd"]))
    share = float(cost / always_last) if always_last else 0.0
    bar = "#" * round(BAR_WIDTH * min(share, 1.0))
    mark = "*" if setting["safe"] else " "
    return (
        f"{mark} {bar:<{BAR_WIDTH}} {shown(cost):>11} {setting['stands']:7} {setting['losses']:6} "
        f"{setting['bound']:8.1%}  {_least(setting['least'])}"
    )


def _frontier(tried: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the settings that no other one beats in both cost and bound, cheapest last, thinned to a screen."""
    kept: list[Mapping[str, Any]] = []
    for setting in sorted(tried, key=lambda one: (one["bound"], one["cost_usd"])):
        if not kept or setting["cost_usd"] < kept[-1]["cost_usd"]:
            kept.append(setting)
    if len(kept) <= MOST_ROWS:
        return kept
    return [kept[round(place * (len(kept) - 1) / (MOST_ROWS - 1))] for place in range(MOST_ROWS)]


def _verdict(part: Mapping[str, Any], margin: float) -> str:
    chosen = part["chosen"]
    if chosen is not None:
        return f"chosen: {_least(chosen['least'])}, {shown(chosen['cost_usd'])} for these documents"
    if part["candidates"] < part["needed"]:
        return (
            f"not shown: it takes {part['needed']} documents whose first answer could stand, none of them worse; label "
            "more of them, or allow a wider margin"
        )
    refuse = part["must_refuse"]
    if refuse > 0:
        return (
            f"the target cannot be met: {part['base_risk']:.1%} of what could stand is worse, and no threshold tried "
            f"refuses {refuse:.1%} of it so that what is left is shown to be within {margin:.1%}"
        )
    return f"not shown: {part['base_risk']:.1%} is within the margin, but too close to it for so few documents"


def _least(least: Mapping[str, float]) -> str:
    return ", ".join(f"{signal} >= {value:.4g}" for signal, value in least.items())
