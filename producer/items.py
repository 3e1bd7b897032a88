"""Single items as plain figures: how one stands, and everything that happened to it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TypedDict

from producer.json_text import embedded
from routing.money import NanoUsd, to_usd

if TYPE_CHECKING:
    from storage.records import DecisionRecord
    from storage.results import AttemptResult, ItemResult, Trail


class FailureFigures(TypedDict):
    """One reason why an output was not accepted, as the ledger keeps it."""

    check: str
    field: str
    reason: str


def failures_of(text: str | None) -> list[FailureFigures]:
    """Return the failures in a JSON text of the ledger, none where there is no text."""
    found: list[FailureFigures] = json.loads(text or "[]")
    return found


def item_figures(item: ItemResult) -> dict[str, object]:
    """Return how an item stands, in the form `items --json` prints."""
    return {
        "item": item.position,
        "custom_id": item.custom_id,
        "state": str(item.state),
        "in_flight": item.in_flight,
        "fail_reason": item.fail_reason,
        "needs_review": item.needs_review,
        "tier": item.tier,
        "attempts": item.attempts,
        "cost_usd": to_usd(NanoUsd(item.cost_nano_usd)),
        "latency_ms": item.latency_ms,
        "failures": failures_of(item.failures),
    }


def trail_figures(job: str, trail: Trail) -> dict[str, object]:
    """Return everything known of an item, in the form `show --json` prints."""
    item = trail.item
    return {
        "job": job,
        **item_figures(item),
        "baseline_usd": to_usd(NanoUsd(item.baseline_nano_usd)),
        "output": None if item.output is None else embedded(item.output),
        "expected": None if item.expected is None else embedded(item.expected),
        "metadata": embedded(trail.metadata),
        "text": trail.text,
        "decisions": [_decision_figures(decision) for decision in trail.decisions],
        "trail": [_attempt_figures(attempt) for attempt in trail.attempts],
    }


def _decision_figures(decision: DecisionRecord) -> dict[str, object]:
    return decision._asdict() | {"uid": str(decision.uid), "signals": embedded(decision.signals)}


def _attempt_figures(attempt: AttemptResult) -> dict[str, object]:
    figures = asdict(attempt)
    del figures["cost_nano_usd"], figures["saved_nano_usd"]
    return figures | {
        "uid": str(attempt.uid),
        "cost_usd": to_usd(NanoUsd(attempt.cost_nano_usd)),
        "cache_saved_usd": to_usd(NanoUsd(attempt.saved_nano_usd)),
        "failures": embedded(attempt.failures),
        "spans": embedded(attempt.spans),
    }
