"""A report for a person: a screen of lines, each with one fact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from producer.baseline import ESTIMATED, MEASURED, MEASURED_ITEMS, is_measured, last_tier, quality_words, too_few
from producer.cli.progress_view import duration
from producer.dollars import shown
from producer.evidence_lines import evidence_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLE_WIDTH = 11
_MOST_REASONS = 8
_KINDS = {
    "offline engine": " is an offline engine (rules, no language model)",
    "recorded model": " is a recording of what a model answered",
}


def report_text(report: Mapping[str, Any]) -> str:
    """Return a report as text."""
    lines = [f"{report['job']}: {report['state']} after {duration(report['elapsed_s'])}"]
    if report["stop_detail"]:
        lines.append(report["stop_detail"])
    lines += [f"{title:<{TITLE_WIDTH}} {text}" for title, text in _facts(report)]
    return "\n".join(lines)


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    items = report["items"]
    still_open = items["total"] - items["done"] - items["failed"]
    yield (
        "items",
        f"{items['total']}: {items['done']} done, {items['failed']} failed"
        + (f", {still_open} open" if still_open else ""),
    )
    for name, tier in report["tiers"].items():
        yield name, _tier(tier, items["total"])
    yield from _reasons(report)
    yield from _money(report)
    yield from _measured(report)
    yield from evidence_lines(report)
    latency = report["latency_ms"]
    if latency["p50"] is not None:
        yield "latency", f"p50 {latency['p50']} ms, p95 {latency['p95']} ms for an item"
    yield from _accuracy(report)


def _tier(tier: Mapping[str, Any], total: int) -> str:
    accepted = f"{tier['accepted']} accepted ({tier['accepted'] / total:.0%} of all)" if total else "nothing"
    escalated = f", {tier['escalated']} escalated" if tier["escalated"] else ""
    review = f", {tier['review']} of them for review" if tier["review"] else ""
    routed = f", {tier['routed']} routed elsewhere" if tier["routed"] else ""
    failed = f", {tier['failed']} failed" if tier["failed"] else ""
    troubles = f", {tier['troubles']} calls without an answer" if tier["troubles"] else ""
    return (
        f"{accepted}{review}{escalated}{routed}{failed}; {tier['attempts']} calls{troubles}, {shown(tier['cost_usd'])}"
    )


def _reasons(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    by_tier: dict[str, list[str]] = {}
    for failure in report["failures_by_field"]:
        name = f"{failure['check']} {failure['field']}".rstrip()
        by_tier.setdefault(failure["tier"], []).append(f"{name} {failure['count']}")
    for tier in report["tiers"]:
        reasons = by_tier.get(tier, [])
        if reasons:
            more = f", {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
            yield "reasons", f"{tier}: {', '.join(reasons[:_MOST_REASONS])}{more}"


def _money(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    budget = "" if report["budget_usd"] is None else f" of a budget of {shown(report['budget_usd'])}"
    measuring = report["measuring_usd"]
    to_measure = f", {shown(measuring)} of it to measure" if measuring else ""
    yield "cost", f"{shown(report['cost_usd'])}{budget}{to_measure}"
    by = " by routing, the cache left aside" if report["cache_saved_usd"] else ""
    if is_measured(report):
        yield from _measured_saving(report, by)
    elif report["tiers"] and report["saved_fraction"] is not None:
        yield f"all {last_tier(report)}", f"about {shown(report['baseline_usd'])}, {ESTIMATED}"
        included = ", what measuring cost counted as spent" if measuring else ""
        yield "saved", f"{report['saved_fraction']:.1%} of that{by}{included}"
    if report["cache_saved_usd"]:
        hits = sum(tier["cache_hits"] for tier in report["tiers"].values())
        yield "cache", f"{hits} answers given again, {shown(report['cache_saved_usd'])} not paid for them"
    yield from _prices(report)
    if any(tier["tokens_estimated"] for tier in report["tiers"].values()):
        yield "tokens", "estimated (characters / 4) where the provider counted none"


def _measured_saving(report: Mapping[str, Any], by: str) -> Iterator[tuple[str, str]]:
    saving, items = report["saving"], report["quality"]["measured_items"]
    baseline = f"{shown(saving['baseline_usd'])}, {MEASURED} {items} {MEASURED_ITEMS}"
    yield f"all {last_tier(report)}", baseline
    low, high = saving["saved_interval"]
    apart = ", what measuring cost left aside" if saving["measuring_usd"] else ""
    yield "saved", f"{saving['saved_fraction']:.1%} ({low:.1%} to {high:.1%}) of that{by}{apart}"


def _measured(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    saving, quality = report.get("saving"), report.get("quality")
    if not (saving and quality):
        return
    if not is_measured(report):
        yield "measured", f"the saving: {too_few(saving['more_needed'])}"
    low, high = quality["lost_share"]
    items = f"{quality['measured_items']} {MEASURED_ITEMS}"
    lost = f"{low:.1%} to {high:.1%} of all items lost to that, {quality['margin']:.1%} allowed"
    yield "quality", f"{quality_words(quality)}; {quality['differing']} of {items} differ, {lost}"


def _prices(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    told = set()
    for model in report["models"]:
        kind = _KINDS.get(model["kind"], "")
        line = f"{model['model']}{kind}; price from {model['price_source']}"
        if line not in told:
            told.add(line)
            yield "model", line


def _accuracy(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    accuracy = report.get("accuracy")
    if accuracy is None:
        return
    fields = ", ".join(f"{name} {share:.1%}" for name, share in accuracy["fields"].items())
    of_done = accuracy["macro_of_done"]
    done = f"; {of_done:.1%} of those that are done" if of_done not in {None, accuracy["macro"]} else ""
    yield "accuracy", f"{accuracy['macro']:.1%} of the labelled fields right in {accuracy['items']} items{done}"
    yield "by field", fields
