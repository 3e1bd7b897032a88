"""Advice for a person: what to do and why, then every figure with its interval."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from producer.answer_sources import left_aside, source_remarks
from producer.cli.printable import printable
from producer.dollars import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_VERDICTS = {
    "route": "route: cheap first, the expensive one where it fails",
    "do_not_route": "do not route",
    "stay_cheap": "stay cheap: the cheap tier alone does",
    "not_enough_data": "not enough data",
}
_REASONS = {
    "saves": "the saving surely exceeds the engineering cost",
    "cheap_always_passes": "surely fewer than one document in a hundred fails in the cheap tier",
    "no_price_spread": "one model fits all; the cheap tier costs no less than the expensive one",
    "expensive_mends_nothing": "one model fits all; the expensive tier mends almost nothing the cheap one fails at",
    "cheap_seldom_passes": "the cheap tier settles too little to pay for its own calls",
    "tiny_volume": "at this volume the saving stays below the engineering cost",
    "tight_latency": "the cascade's 95th percentile lies over the latency budget",
    "volume_unknown": "the volume is not known; give --items-per-month",
    "latency_unknown": "whether the cascade keeps the latency budget is not shown",
    "saving_unknown": "whether the saving exceeds the engineering cost is not shown",
    "failures_unknown": "no document failed in the cheap tier, but too few were tried to rely on that",
}
_FIGURES = (
    ("passes_cheap", "passes cheap", True),
    ("expensive_mends", "expensive mends", True),
    ("cheap_usd_per_item", "cheap each", False),
    ("expensive_usd_per_item", "expensive each", False),
    ("saving_usd_per_item", "saving each", False),
    ("net_saving_usd", "net saving", False),
    ("over_latency_budget", "over the budget", True),
)


def advice_text(told: Mapping[str, Any]) -> str:
    """Return advice as text."""
    if not told["rests_on"]["documents_tried_cheap"]:
        return (
            f"{_VERDICTS[told['advice']]}: no document was tried that called as it would now{_others(told)}\n"
            "`cheapfirst run` some first, or let `cheapfirst plan TASK INPUT --sample 50` do it"
        )
    return "\n".join([*_head(told), "", *_figures(told), *_parts("tiers", told), *_parts("rules", told)])


def _others(told: Mapping[str, Any]) -> str:
    items = told["rests_on"].get("items_left_aside")
    return f"; {left_aside(items)}" if items else ""


def _head(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_VERDICTS[told['advice']]}: {_REASONS[told['reason']]}"
    if told["more_needed"] is not None:
        yield f"{told['more_needed']:,} more documents needed, if they are like those seen"
    elif told["reason"] in {"saving_unknown", "latency_unknown"}:
        yield "it lies so near that no number of documents would tell"


def _figures(told: Mapping[str, Any]) -> Iterator[str]:
    for key, title, is_share in _FIGURES:
        figure = told["figures"][key]
        if figure is not None:
            show = _share if is_share else _money
            low, high = figure["interval"]
            yield f"{title:<16}{show(figure['value']):<12}[{show(low)}, {show(high)}]"
    if told["figures"]["latency_p95_ms"] is not None:
        yield f"{'latency p95':<16}{told['figures']['latency_p95_ms']:,} ms"
    terms, rests = told["terms"], told["rests_on"]
    volume = "not known" if terms["items_per_month"] is None else f"{terms['items_per_month']:,.0f} a month"
    cost = shown(Decimal(str(terms["engineering_usd"])))
    yield f"{'held against':<16}{cost} of engineering, {terms['months']:g} months, documents: {volume}"
    yield (
        f"{'rests on':<16}{rests['documents_tried_cheap']:,} documents tried cheap,"
        f" {rests['answers_of_the_last_tier']:,} answers of the last tier,"
        f" {rests['documents_timed']:,} timed; intervals at {told['confidence']:.1%}"
    )
    if rests.get("jobs_left_aside"):
        yield f"{'':<16}{rests['jobs_left_aside']} jobs with other models, prompts or checks left aside"
    if rests.get("items_left_aside"):
        yield f"{'':<16}{left_aside(rests['items_left_aside'])}"
    yield from source_remarks(rests.get("answered_by", ()))


def _parts(kind: str, told: Mapping[str, Any]) -> Sequence[str]:
    lines = []
    for name, part in told[kind].items():
        verdict = part["verdict"].replace("_", " ")
        more = "" if part["more_needed"] is None else f"; {part['more_needed']:,} more documents needed"
        money = "" if part["saving_usd_per_item"] is None else f"; saves {_ends(part['saving_usd_per_item'])} each"
        lines.append(f"  {printable(name):<14}{verdict}: {part['why']}{money}{more}")
    return ["", kind, *lines] if lines else []


def _ends(ends: Sequence[float | None]) -> str:
    low, high = ends
    return f"{_money(low)} to {_money(high)}"


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.1%}"


def _money(value: float | None) -> str:
    if value is None:
        return "?"
    return f"-{shown(Decimal(repr(-value)))}" if value < 0 else shown(Decimal(repr(value)))
