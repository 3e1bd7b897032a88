"""A report as Markdown, for a message or a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from producer.baseline import ESTIMATED, MEASURED, MEASURED_ITEMS, is_measured, last_tier, quality_words, too_few
from producer.evidence_lines import evidence_lines
from producer.report_page.page import figure_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def report_markdown(report: Mapping[str, Any]) -> str:
    """Return an evidence report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    items = report["items"]
    yield f"# {_text(report['job'])}"
    yield ""
    yield f"{report['state']}: {items['done']} of {items['total']} items done, {items['failed']} failed."
    yield ""
    yield f"- Saving: {_saving(report)}"
    yield f"- Quality: {_quality(report)}"
    yield from (f"- {title.capitalize()}: {line}" for title, line in evidence_lines(report))
    yield ""
    yield from _table(
        ("tier", "calls", "accepted", "escalated", "failed", "cost"),
        [
            (
                name,
                *(figure_text(tier[column], "count") for column in ("attempts", "accepted", "escalated", "failed")),
                figure_text(tier["cost_usd"], "dollars"),
            )
            for name, tier in report["tiers"].items()
        ],
    )
    if report["failures_by_field"]:
        yield ""
        yield from _table(
            ("tier", "check", "field", "failed"),
            [(one["tier"], one["check"], one["field"], str(one["count"])) for one in report["failures_by_field"]],
        )
    if report.get("accuracy"):
        yield ""
        fields = sorted(report["accuracy"]["fields"].items(), key=lambda field: field[1])
        yield from _table(("field", "right"), [(name, figure_text(share, "percent")) for name, share in fields])


def _saving(report: Mapping[str, Any]) -> str:
    saving, last = report["saving"], _text(last_tier(report))
    if is_measured(report):
        low, high = (figure_text(end, "percent") for end in saving["saved_interval"])
        items = f"{figure_text(report['quality']['measured_items'], 'count')} {MEASURED_ITEMS}"
        against = f"{figure_text(saving['baseline_usd'], 'dollars')} for all {last}, {MEASURED} {items}"
        return f"{figure_text(saving['saved_fraction'], 'percent')} ({low} to {high}) of {against}"
    told = [] if saving is None else [f"measured: {too_few(saving['more_needed'])}"]
    if report["saved_fraction"] is not None:
        share = figure_text(report["saved_fraction"], "percent")
        against = figure_text(report["baseline_usd"], "dollars")
        told.append(f"{share} of about {against} for all {last}, {ESTIMATED}")
    return "; ".join(told) or "no item has ended yet"


def _quality(report: Mapping[str, Any]) -> str:
    quality = report["quality"]
    if not quality:
        return "not measured; a holdout measures it"
    low, high = (figure_text(end, "percent") for end in quality["lost_share"])
    told = f"{quality['differing']} of {quality['measured_items']} measured items differ from the last tier's answer"
    return f"{quality_words(quality)}; {told}, and {low} to {high} of all items are lost to that"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row([_text(cell) for cell in row]) for row in rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: str) -> str:
    """Return a name so that it stays text: it may come from a schema, or from whoever named a job."""
    flat = " ".join(value.split())
    return "".join(f"\\{character}" if character in r"\`*_[]<>|#" else character for character in flat)
