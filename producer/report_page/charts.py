"""The charts of a report's page, each from the figures that `report --json` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from producer.baseline import is_measured, last_tier
from producer.report_page.drawing import SERIES, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BAR_IN = 0.32
_FRAME_IN = 0.9
_MOST_REASONS = 12


def charts(report: Mapping[str, Any]) -> dict[str, str]:
    """Return every chart there are figures for, as SVG by its name. Raises UsageError without matplotlib."""
    drawn = {"cost": _cost(report)}
    if report["failures_by_field"]:
        drawn["reasons"] = _reasons(report["failures_by_field"][:_MOST_REASONS])
    if report["frontier"]:
        drawn["frontier"] = _frontier(report["frontier"])
    if sum(report["latency_histogram"]["items"]):
        drawn["latency"] = _latency(report["latency_histogram"])
    if len(report["over_time"]) > 1:
        drawn["over_time"] = _over_time(report["over_time"])
    if report["evidence"]["task"] and len(report["evidence"]["task"]["over_time"]) > 1:
        drawn["evidence"] = _evidence(report["evidence"]["task"]["over_time"])
    if report["classifier"]:
        drawn["reliability"] = _reliability(report["classifier"])
    return drawn


def _cost(report: Mapping[str, Any]) -> str:
    """Draw what each tier cost side by side on one bar, what only measured apart, above the baseline's."""
    told = report["saving"] if is_measured(report) else report
    costs = {name: float(tier["cost_usd"]) for name, tier in report["tiers"].items()}
    if report["measuring_usd"]:
        costs[last_tier(report)] -= float(report["measuring_usd"])
        costs["to measure"] = float(report["measuring_usd"])
    with drawing("cost", "What each tier cost, above what the last tier alone costs.", 1.5) as chart:
        left = 0.0
        for (name, cost), colour in zip(costs.items(), SERIES * len(costs), strict=False):
            chart.axes.barh(["routed"], [cost], left=[left], color=colour, label=name)
            left += cost
        chart.axes.barh(
            [f"all {last_tier(report)}"], [float(told["baseline_usd"])], color="none", edgecolor=SERIES[0], hatch="//"
        )
        chart.axes.invert_yaxis()
        chart.axes.set_xlabel("dollars")
        chart.axes.grid(visible=False, axis="y")
        chart.legend()
    return chart.svg


def _reasons(failures: Sequence[Mapping[str, Any]]) -> str:
    """Draw the failed checks, most frequent first, with the share of all that they add up to."""
    names = [f"{failure['check']} {failure['field']} ({failure['tier']})" for failure in failures]
    counts = [failure["count"] for failure in failures]
    with drawing("reasons", "Failed checks by field, most frequent first.", _FRAME_IN + _BAR_IN * len(names)) as chart:
        bars = chart.axes.barh(names, counts, color=SERIES[0])
        total, added = sum(counts), 0
        labels = []
        for count in counts:
            added += count
            labels.append(f"{count} ({added / total:.0%})")
        chart.axes.bar_label(bars, labels, padding=3)
        chart.axes.invert_yaxis()
        chart.axes.margins(x=0.25)
        chart.axes.set_xlabel("failed checks (with all above)")
        chart.axes.grid(visible=False, axis="y")
    return chart.svg


def _frontier(points: Sequence[Mapping[str, Any]]) -> str:
    """Draw quality over the cost of an item; the line from `routed` to `always last` is what a ramp gives."""
    costs = [float(point["cost_usd_per_item"]) for point in points]
    qualities = [point["quality"] for point in points]
    with drawing("frontier", "Quality over the cost of an item, for each way to run the task.") as chart:
        chart.axes.plot(costs[1:], qualities[1:], color=SERIES[0], linestyle="--", linewidth=1)
        for point, cost in zip(points, costs, strict=True):
            low, high = point["interval"]
            colour = SERIES[1] if point["way"] == "routed" else SERIES[0]
            chart.axes.vlines(cost, low, high, color=colour, linewidth=1)
            chart.axes.plot([cost], [point["quality"]], "o", color=colour)
            chart.axes.annotate(point["way"], (cost, point["quality"]), (6, -11), textcoords="offset points")
        chart.axes.set_xlabel("dollars for an item")
        chart.axes.locator_params(axis="x", nbins=5)
        chart.axes.set_ylabel("agrees with the last tier")
        chart.axes.margins(x=0.2, y=0.15)
    return chart.svg


def _latency(histogram: Mapping[str, Any]) -> str:
    """Draw how long items and calls took, as shares of each in classes whose width grows."""
    bounds = histogram["bounds_ms"]
    names = [f"< {_short(bound)}" for bound in bounds] + [f"{_short(bounds[-1])} +"]
    told = {"items": histogram["items"]} | {f"calls, {tier}": counts for tier, counts in histogram["calls"].items()}
    used = [place for place in range(len(names)) if any(counts[place] for counts in told.values())]
    shown = range(min(used), max(used) + 1)
    width = 0.8 / len(told)
    with drawing("latency", "How long items and calls took.") as chart:
        for number, (name, counts) in enumerate(told.items()):
            places = [place + (number - (len(told) - 1) / 2) * width for place in range(len(shown))]
            shares = [100 * counts[place] / (sum(counts) or 1) for place in shown]
            chart.axes.bar(places, shares, width, color=SERIES[number % len(SERIES)], label=name)
        chart.axes.set_xticks(range(len(shown)), [names[place] for place in shown], rotation=30, ha="right")
        chart.axes.set_ylabel("percent")
        chart.axes.grid(visible=False, axis="x")
        chart.legend()
    return chart.svg


def _over_time(stretches: Sequence[Mapping[str, Any]]) -> str:
    """Draw the share of first answers that passed, over the course of the job; what did not pass went up."""
    began = stretches[0]["began_ms"]
    minutes = [(stretch["began_ms"] - began) / 60_000 for stretch in stretches]
    passed = [100 * stretch["passed"] / stretch["verdicts"] for stretch in stretches]
    with drawing("over_time", "How many first answers passed, over the course of the job.") as chart:
        chart.axes.plot(minutes, passed, color=SERIES[0], label="passed")
        chart.axes.plot(minutes, [100 - share for share in passed], color=SERIES[1], linestyle="--", label="escalated")
        chart.axes.set_ylim(0, 102)
        chart.axes.set_xlabel("minutes since the first call")
        chart.axes.set_ylabel("percent of first answers")
        chart.legend()
    return chart.svg


def _evidence(course: Sequence[Mapping[str, Any]]) -> str:
    """Draw the share of measured items that differ as it became known, with the interval that holds at every look."""
    items = [standing["measured_items"] for standing in course]
    with drawing("evidence", "The share of measured items that differ, as it became known.") as chart:
        lows, highs = ([100 * standing["wrong_interval"][end] for standing in course] for end in (0, 1))
        chart.axes.fill_between(items, lows, highs, color=SERIES[0], alpha=0.2, linewidth=0)
        shares = [100 * standing["wrong_share"] for standing in course]
        chart.axes.plot(items, shares, color=SERIES[0], label="differ")
        chart.axes.set_ylim(0, min(102, 5 + 2 * highs[-1] + max(shares)))
        chart.axes.set_xlabel("measured items, over all jobs of the task")
        chart.axes.set_ylabel("percent")
    return chart.svg


def _reliability(bins: Sequence[Mapping[str, Any]]) -> str:
    """Draw what a classifier said beside what was; on the diagonal, both are the same."""
    with drawing("reliability", "The share that passed, over the probability that was said.") as chart:
        chart.axes.plot([0, 1], [0, 1], color=SERIES[2], linestyle=":", linewidth=1)
        chart.axes.plot([one["said"] for one in bins], [one["passed"] for one in bins], "o-", color=SERIES[0])
        chart.axes.set_xlabel("probability said")
        chart.axes.set_ylabel("share that passed")
        chart.axes.set_xlim(0, 1)
        chart.axes.set_ylim(0, 1.02)
    return chart.svg


def _short(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:g} s"  # noqa: PLR2004 - a second
