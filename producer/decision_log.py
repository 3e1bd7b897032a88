"""The decision log as rows for programs: flat, with the same fields in each, and nothing of any document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict, cast

from routing.errors import UsageError
from routing.expressions.expression import Expression, compile_expression
from routing.money import NanoUsd, to_usd
from storage import decision_log, jobs
from storage.records import AttemptRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from routing.json_value import JsonObject, JsonValue
    from storage.database import Database
    from storage.decision_log import LoggedItem
    from storage.records import DecisionRecord


class LogRow(TypedDict):
    """One decision or one call. What the other kind has and this one has not is null. docs/decision-log.md."""

    kind: str
    at: str
    job: str
    item: int
    custom_id: str
    task_fingerprint: str
    tier: str
    model: str
    layer: str
    cause: str
    rule: str | None
    probability: float | None
    threshold: float | None
    threshold_source: str | None
    version: str | None
    signals: JsonObject | None
    canary: bool
    holdout: bool
    outcome: str | None
    trouble: str | None
    failed: list[str] | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    tokens_estimated: bool | None
    cost_usd: Decimal | None
    cache_hit: bool | None
    cache_saved_usd: Decimal | None
    price_source: str | None
    queued_ms: int | None
    gate_wait_ms: int | None
    limit_wait_ms: int | None
    provider_ms: int | None
    checks_ms: int | None
    http_calls: int | None
    item_state: str
    fail_reason: str | None
    needs_review: bool


def log_rows(database: Database, reference: str, where: str | None = None) -> Iterator[LogRow]:
    """Yield the rows of a job, item by item, each item's in the order of time.

    `where` is an expression over the fields of a row, such as `layer == 'rule' and item_state == 'failed'`. Raises
    UsageError where it does not compile, NotFoundError where there is no such job.
    """
    condition = None if where is None else _condition(where)
    job = jobs.find(database, reference)
    for item in decision_log.read(database, job.id):
        for row in _rows(job.name, job.task_fingerprint, item):
            if condition is None or condition.evaluate(_values(row)).holds:
                yield row


def _condition(where: str) -> Expression:
    compiled = compile_expression(where, frozenset(LogRow.__annotations__) | {"signals.*", "failed[*]"})
    if isinstance(compiled, Expression):
        return compiled
    message = compiled.message.replace("the schema has", "a row has")
    raise UsageError(f"--where, column {compiled.column}: {message}.", "docs/decision-log.md lists the fields.")


def _values(row: LogRow) -> JsonObject:
    amounts = {name: row[name] for name in ("cost_usd", "cache_saved_usd")}
    plain = {name: None if amount is None else float(amount) for name, amount in amounts.items()}
    return cast("JsonObject", {**row, **plain})


def _rows(job: str, fingerprint: str, item: LoggedItem) -> Iterator[LogRow]:
    entries: list[tuple[int, int, DecisionRecord | AttemptRecord]] = [
        *((decision.decided_ms, 0, decision) for decision in item.decisions),
        *((attempt.started_ms, 1, attempt) for attempt in item.attempts),
    ]
    # A decision and the call it led to may fall into the same millisecond.
    for at_ms, _, entry in sorted(entries, key=lambda entry: entry[:2]):
        common: dict[str, JsonValue | Decimal] = dict.fromkeys(LogRow.__annotations__)
        common |= {
            "at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "job": job,
            "item": item.position,
            "custom_id": item.custom_id,
            "task_fingerprint": fingerprint,
            "tier": entry.tier,
            "model": entry.model,
            "layer": entry.layer,
            "cause": entry.cause,
            "canary": bool(entry.canary),
            "holdout": bool(entry.holdout),
            "item_state": item.state,
            "fail_reason": item.fail_reason,
            "needs_review": item.needs_review,
        }
        own = _of_call(entry) if isinstance(entry, AttemptRecord) else _of_decision(entry)
        yield cast("LogRow", common | own)


def _of_decision(decision: DecisionRecord) -> dict[str, JsonValue | Decimal]:
    return {
        "kind": "decision",
        "rule": decision.rule or None,
        "probability": decision.probability,
        "threshold": decision.threshold,
        "threshold_source": decision.threshold_source,
        "version": decision.version,
        "signals": json.loads(decision.signals),
    }


def _of_call(attempt: AttemptRecord) -> dict[str, JsonValue | Decimal]:
    counted = (
        *("input_tokens", "output_tokens", "cached_input_tokens", "price_source"),
        *("queued_ms", "gate_wait_ms", "limit_wait_ms", "provider_ms", "checks_ms", "http_calls"),
    )
    failed = [
        "/".join(part for part in (failure["check"], failure["field"]) if part)
        for failure in json.loads(attempt.failures)
    ]
    return {name: getattr(attempt, name) for name in counted} | {
        "kind": "call",
        "outcome": attempt.outcome,
        "trouble": attempt.trouble,
        "failed": cast("JsonValue", failed),
        "tokens_estimated": bool(attempt.tokens_estimated),
        "cost_usd": to_usd(NanoUsd(attempt.cost_nano_usd)),
        "cache_hit": bool(attempt.cache_hit),
        "cache_saved_usd": to_usd(NanoUsd(attempt.saved_nano_usd)),
    }
