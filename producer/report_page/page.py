"""A report as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from producer.answer_sources import source_remarks
from producer.baseline import ESTIMATED, MEASURED, MEASURED_ITEMS, is_measured, last_tier
from producer.dollars import exact, shown
from producer.drift import drift_summary
from producer.json_text import json_line
from producer.report_page.charts import charts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HERE = Path(__file__).parent
_VERDICTS = {
    "safe": "Safe",
    "watch": "Watch",
    "too_aggressive": "Too aggressive",
    "not_enough_data": "Not enough data",
}
_SOURCES = (("offline engine", "engine"), ("recorded model", "recording"))
_UNKNOWN = "unknown"


def report_page(report: Mapping[str, Any]) -> str:
    """Return an evidence report as HTML. Raises UsageError where matplotlib is not installed."""
    # Names and values come from documents and models: all is escaped; the charts escape for themselves.
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    fields = (report.get("accuracy") or {}).get("fields", {})
    return environment.get_template("page.html").render(
        report={"accuracy": None} | dict(report),
        style=_style(),
        charts=dict.fromkeys(("reasons", "frontier", "over_time", "latency", "evidence", "reliability"), "")
        | charts(report),
        verdict=_VERDICTS[report["quality"]["safety"]] if report["quality"] else "",
        is_measured=is_measured(report),
        last_tier=last_tier(report),
        baseline={"estimated": ESTIMATED, "measured": MEASURED, "those": MEASURED_ITEMS},
        worst_fields=sorted(fields.items(), key=lambda field: field[1]),
        remarks=_remarks(report),
        drift=[] if report["drift"] is None else drift_summary(report["drift"]),
        at=partial(_at, report),
        raw=_raw,
        shown=figure_text,
        json=_json,
    )


def figure_text(value: object, kind: str) -> str:
    """Return a figure for a reader; None is told as unknown."""
    return _UNKNOWN if value is None else _KINDS[kind](value)


def _seconds(value: Any) -> str:  # noqa: ANN401 - a number of JSON
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.1f} min"  # noqa: PLR2004 - a minute


def _milliseconds(value: Any) -> str:  # noqa: ANN401 - a number of JSON
    return f"{value:,.0f}\N{NO-BREAK SPACE}ms".replace(",", "\N{NARROW NO-BREAK SPACE}")


_KINDS: Mapping[str, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
    "percent": lambda value: f"{100 * value:.1f}\N{NO-BREAK SPACE}%",
    "dollars": shown,
    "seconds": _seconds,
    "milliseconds": _milliseconds,
    "milliseconds apart": lambda value: _milliseconds(abs(value)),
}


def _at(report: Mapping[str, Any], key: str) -> object:
    """Return what stands under a dotted key; a part of it may itself hold dots, as names of fields and tiers do."""
    value: Any = report
    rest = key
    while rest:
        if isinstance(value, list):
            part, _, rest = rest.partition(".")
            value = value[int(part)]
            continue
        part = max((name for name in value if rest == name or rest.startswith(f"{name}.")), key=len)
        value, rest = value[part], rest[len(part) + 1 :]
    return value


def _raw(value: object) -> str:
    return exact(value) if isinstance(value, Decimal) else str(value)


def _json(value: object) -> str:
    return json_line(value).decode().rstrip("\n")


def _remarks(report: Mapping[str, Any]) -> list[str]:
    kinds = {model["kind"] for model in report["models"]}
    return source_remarks([source for kind, source in _SOURCES if kind in kinds])


def _style() -> str:
    from markupsafe import Markup

    return Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own style sheet
