"""The document: every figure as text, laid out by a template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from claims.said import beside_the_claims, points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claims.case import Outside
    from claims.replay import Replayed
    from routing.confidence_sequence import Interval

TEMPLATE = Path(__file__).with_name("page.md.jinja")
_PATHS = ("cheap", "expensive", "routed")


def page(replayed: Sequence[Replayed], repeated: Mapping[str, int]) -> str:
    """Return the document as Markdown. `repeated` are the rows of each set that repeat another's text."""
    environment = Environment(  # noqa: S701 - Markdown of our own figures, no page
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE.name).render(
        claims=beside_the_claims(replayed),
        cases=[_case(one) for one in replayed],
        normalised=[_case(one) for one in replayed if one.normalised is not None],
        fields=[row for one in replayed if not one.case.models for row in _fields(one)],
        tuned=[_tuned(one) for one in replayed if one.calibration is not None],
        classified=_classified(replayed),
        outside=[_outside(one, one.case.outside) for one in replayed if one.case.outside is not None],
        within=_within([one for one in replayed if one.case.outside is not None]),
        repeated=", ".join(f"{count} of {name}" for name, count in repeated.items()),
        prices=_prices(replayed),
    )


def _case(one: Replayed) -> dict[str, Any]:
    difference, paths = one.evaluation["differences"]["routed"], one.evaluation["paths"]
    saved = difference["saved_fraction"]
    documents = paths["routed"]["items"]
    normalised = one.normalised
    return {
        "case": one.case,
        "checks": _checks(one),
        "documents": documents,
        **{path: f"{paths[path]['pass_rate']:.1%}" for path in _PATHS},
        "difference": _difference(one.difference, one.interval),
        "verdict": _words(one.safety),
        "escalated": f"{one.escalated / documents:.1%}",
        "straight": f"{one.straight / documents:.1%}",
        "saved": f"{saved['mean']:.1%} [{saved['interval'][0]:.1%}, {saved['interval'][1]:.1%}]",
        "normalised": "" if normalised is None else _difference(normalised.difference, normalised.interval),
        "normalised_verdict": "" if normalised is None else _words(normalised.safety.value),
    }


def _checks(one: Replayed) -> str:
    """Return what was checked, with the target where one was to be kept."""
    if one.calibration is None:
        return one.case.checks
    shown = "" if one.calibration["everywhere"]["chosen"] is not None else ", not shown"
    return f"{one.case.checks}; target {one.case.margin:.0%}{shown}"


def _fields(one: Replayed) -> list[dict[str, str]]:
    shares = {path: one.evaluation["paths"][path]["fields"] for path in _PATHS}
    return [
        {"name": name, **{path: f"{shares[path][name]:.1%}" for path in _PATHS}} for name in sorted(shares["routed"])
    ]


def _tuned(one: Replayed) -> dict[str, Any]:
    assert one.calibration is not None
    assert one.case.margin is not None
    return {
        "case": one.case,
        "target": f"{one.case.margin:.0%}",
        "tuned_on": one.tuned_on,
        "calibration": _calibration(one.calibration["everywhere"]),
    }


def _calibration(told: Mapping[str, Any]) -> str:
    risk = f"{told['base_losses']} of {told['candidates']} would lose ({told['base_risk']:.1%})"
    chosen = told["chosen"]
    if chosen is None:
        return f"nothing shown: {risk}; any signal would have to refuse {told['must_refuse']:.1%} at least"
    least = ", ".join(f"{signal} at least {value:.3g}" for signal, value in chosen["least"].items())
    return f"{least}: {chosen['stands']} stand, {chosen['losses']} lose, at most {chosen['bound']:.1%}; before, {risk}"


def _classified(replayed: Sequence[Replayed]) -> list[dict[str, Any]]:
    """Return one row for each classifier: cases of one task share theirs."""
    told: dict[str, dict[str, Any]] = {}
    for one in replayed:
        if one.classified is not None:
            told[one.case.task] = {
                "case": one.case,
                "metrics": one.classified,
                "accuracy": f"{one.classified.accuracy:.1%}",
                "majority": f"{one.classified.majority:.1%}",
                "auc": f"{one.classified.auc:.3f}",
                "brier": f"{one.classified.brier:.3f}",
            }
    return list(told.values())


def _outside(one: Replayed, before: Outside) -> dict[str, Any]:
    return {
        **_case(one),
        "metric": "normalised" if before.normalised else "as the source",
        "points_before": points(before.points),
        "points_here": _difference(*_alike(one, before)),
        "escalated_before": "not told" if before.escalates is None else f"{before.escalates:.1%}",
        "saved_before": f"{before.saved:.1%}",
        "saved_here": f"{one.saved:.1%}",
    }


def _alike(one: Replayed, before: Outside) -> tuple[float, Interval]:
    """Return the difference under the comparison that the earlier one was measured with."""
    if before.normalised and one.normalised is not None:
        return one.normalised.difference, one.normalised.interval
    return one.difference, one.interval


def _within(replayed: Sequence[Replayed]) -> str:
    told = [(one.case.outside, one) for one in replayed]
    intervals = [(before.points, _alike(one, before)[1]) for before, one in told if before is not None]
    within = sum(interval.low <= share <= interval.high for share, interval in intervals)
    return f"Of {len(intervals)} earlier differences {within} lie within the interval found here."


def _prices(replayed: Sequence[Replayed]) -> str:
    models = {
        model.title: f"{model.title} {model.input_usd:g} / {model.output_usd:g}"
        for one in replayed
        for model in one.case.models.values()
    }
    return ", ".join(models.values())


def _difference(share: float, interval: Interval) -> str:
    return f"{points(share)} [{points(interval.low)}, {points(interval.high)}]"


def _words(name: str) -> str:
    return name.replace("_", " ")
