"""The story of one item, for a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from producer.cli.printable import one_line, printable
from producer.dollars import shown
from producer.items import failures_of
from routing.decision import Layer
from routing.money import NanoUsd, to_usd
from storage.claims import MAX_CLAIMS
from storage.states import AttemptOutcome, FailReason, ItemState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.records import DecisionRecord
    from storage.results import AttemptResult, ItemResult, Trail

WIDTH = 100
_SOURCE_AROUND = 20
_ENDINGS = {
    AttemptOutcome.ACCEPTED: "accepted",
    AttemptOutcome.REJECTED: "not accepted",
    AttemptOutcome.PROVIDER_TROUBLE: "no answer, the item waits and is called again",
    AttemptOutcome.REFUSED: "the provider will not accept this call",
    AttemptOutcome.PREDICTION: "a judge's opinion, before the document is routed",
    AttemptOutcome.OPINION: "a second opinion, judged with the attempt before it",
}
_LAYERS = {
    Layer.DEFAULT: "By default the router",
    Layer.RAMP: "The ramp",
    Layer.RULE: "The rule",
    Layer.CLASSIFIER: "The classifier",
    Layer.ESCALATION: "After the verdict the router",
    Layer.HOLDOUT: "The holdout",
}
_QUARANTINED = (
    f"quarantined: claimed {MAX_CLAIMS} times in a row without anything recorded, as its worker process ended"
    " each time; calls that were under way then are on the provider's bill only"
)


def story(job: str, trail: Trail) -> str:
    """Return the story of an item: how it stands, each decision and call in their order, then the output."""
    return "\n".join([*_beginning(job, trail), *_events(trail), *_end(trail.item)])


def _beginning(job: str, trail: Trail) -> Iterator[str]:
    item = trail.item
    state = "in flight" if item.in_flight else str(item.state)
    reason = f" ({item.fail_reason})" if item.fail_reason else ", needs review," if item.needs_review else ""
    yield f"{printable(item.custom_id)}, item {item.position} of {job}: {state}{reason} in {item.tier}"
    yield (
        f"{item.attempts} calls, {shown(to_usd(NanoUsd(item.cost_nano_usd)))}, {item.latency_ms} ms;"
        f" the last tier alone would have cost about {shown(to_usd(NanoUsd(item.baseline_nano_usd)))} (estimated)"
    )
    if item.fail_reason is FailReason.QUARANTINED:
        yield _QUARANTINED
    yield f"document: {len(trail.text)} characters: {one_line(trail.text, WIDTH)}"


def _events(trail: Trail) -> Iterator[str]:
    # A decision and the call it led to may fall into the same millisecond.
    events = [(decision.decided_ms, 0, list(_decision(decision))) for decision in trail.decisions]
    events += [(attempt.started_ms, 1, list(_attempt(attempt, trail.text))) for attempt in trail.attempts]
    for number, (_, _, lines) in enumerate(sorted(events, key=lambda event: event[:2]), 1):
        yield ""
        yield f"{number}. {lines[0]}"
        yield from (f"   {line}" for line in lines[1:])


def _decision(decision: DecisionRecord) -> Iterator[str]:
    rule = f" `{printable(decision.rule)}`" if decision.rule else ""
    yield f"{_LAYERS[Layer(decision.layer)]}{rule} chose {decision.tier} ({decision.model}): {decision.cause}"
    if decision.probability is not None and decision.threshold is not None:
        source = decision.threshold_source or ""
        yield f"the cheap tier passes with {decision.probability:.2f}, {decision.threshold:.2f} is needed ({source})"
    signals = json.loads(decision.signals)
    if signals:
        yield ", ".join(f"{printable(name)} = {one_line(str(value), WIDTH)}" for name, value in signals.items())
    yield f"by {decision.version}{', the canary' if decision.canary else ''}"


def _attempt(attempt: AttemptResult, text: str) -> Iterator[str]:
    began = datetime.fromtimestamp(attempt.started_ms / 1000, UTC)
    trouble = f": {attempt.trouble}" if attempt.trouble else ""
    measured = ", to measure only" if attempt.holdout else ""
    measured += ", answered from the cache" if attempt.cache_hit else ""
    yield f"{attempt.tier} asked {attempt.model} because of {attempt.cause} ({attempt.layer}){measured}"
    yield f"{_ENDINGS[attempt.outcome]}{trouble}"
    for failure in failures_of(attempt.failures):
        yield f"- {failure['check']} {printable(failure['field'])}: {printable(failure['reason'])}"
    estimated = " (estimated)" if attempt.tokens_estimated else ""
    yield (
        f"{attempt.input_tokens} tokens in, {attempt.output_tokens} out{estimated},"
        f" {shown(to_usd(NanoUsd(attempt.cost_nano_usd)))} by {attempt.price_source or 'no price'}"
    )
    yield (
        f"{began:%Y-%m-%d %H:%M:%S} UTC: {attempt.queued_ms} ms queued, {attempt.gate_wait_ms} ms at the gate,"
        f" {attempt.limit_wait_ms} ms for the limit, {attempt.provider_ms} ms at the provider"
        f" ({attempt.http_calls} HTTP calls), {attempt.checks_ms} ms for checks"
    )
    if attempt.confidence is not None:
        yield f"confidence {attempt.confidence:.2f}"
    if attempt.answer is not None:
        mended = " (JSON was mended)" if attempt.repaired else ""
        yield f"answer{mended}: {one_line(attempt.answer, WIDTH)}"
    yield from _spans(attempt, text)


def _spans(attempt: AttemptResult, text: str) -> Iterator[str]:
    for field, (start, end) in json.loads(attempt.spans).items():
        around = f"{text[max(0, start - _SOURCE_AROUND) : start]}[{text[start:end]}]{text[end : end + _SOURCE_AROUND]}"
        yield f"{printable(field)} found at {start}-{end}: {one_line(around, WIDTH)}"


def _end(item: ItemResult) -> Iterator[str]:
    yield ""
    if item.output is not None:
        title = "output" if item.state is ItemState.DONE else "best output, not accepted"
        title += ", for review" if item.needs_review else ""
        yield f"{title}: {_indented(item.output)}"
    elif item.state is ItemState.FAILED:
        yield "no output"
    if item.expected is not None:
        yield f"label: {_indented(item.expected)}"


def _indented(text: str) -> str:
    return printable(json.dumps(json.loads(text), ensure_ascii=False, indent=2))
