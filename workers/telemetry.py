"""What was recorded, as OpenTelemetry spans: one for each call, with the conventions for generative AI.

Spans are made of records after their commit, dated by them, in the recorder's thread; a processor of the SDK sends them
from a thread of its own, and drops them where the collector is slow or away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from routing.money import NanoUsd, to_usd
from storage.states import AttemptOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from routing.deployment import ModelSpec
    from storage.records import AttemptRecord, ItemRecord

_NS_PER_MS = 1_000_000
_JUDGED = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED})
_EVALUATION = "gen_ai.evaluation.result"


class Telemetry(Protocol):
    """Takes what was committed. Never raises, and never waits for a network."""

    def recorded(self, records: Iterable[ItemRecord]) -> None:
        """Take records once they are in the ledger."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class SpanTelemetry:
    """Makes a span of each call. `content` also puts answers into them, which may quote documents."""

    def __init__(self, models: Mapping[str, ModelSpec], processor: SpanProcessor, *, content: bool) -> None:
        self._models = models
        self._content = content
        # What the environment says of the service wins.
        resource = Resource.create({"service.name": "cheapfirst"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("cheapfirst")

    def recorded(self, records: Iterable[ItemRecord]) -> None:
        """Take records once they are in the ledger."""
        for record in records:
            for attempt in record.attempts:
                self._span(record, attempt)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _span(self, record: ItemRecord, attempt: AttemptRecord) -> None:
        spec = self._models[attempt.model]
        began_ns = attempt.started_ms * _NS_PER_MS
        ended_ns = began_ns + (attempt.limit_wait_ms + attempt.provider_ms) * _NS_PER_MS
        span = self._tracer.start_span(
            f"chat {spec.model}",
            kind=SpanKind.CLIENT,
            start_time=began_ns,
            attributes=_attributes(record, attempt, spec),
        )
        if attempt.trouble is not None:
            span.set_attribute("error.type", attempt.trouble)
            span.set_status(Status(StatusCode.ERROR))
        if attempt.outcome in _JUDGED:
            _evaluate(span, attempt, ended_ns)
        if self._content and attempt.answer is not None:
            parts = [{"type": "text", "content": attempt.answer}]
            message = {"role": "assistant", "parts": parts, "finish_reason": attempt.finish_reason}
            span.set_attribute("gen_ai.output.messages", json.dumps([message]))
        span.end(end_time=ended_ns)


def _attributes(record: ItemRecord, attempt: AttemptRecord, spec: ModelSpec) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": spec.provider,
        "gen_ai.request.model": spec.model,
        "cheapfirst.job": record.job_id,
        "cheapfirst.item": record.position,
        "cheapfirst.tier": attempt.tier,
        "cheapfirst.model": attempt.model,
        "cheapfirst.layer": attempt.layer,
        "cheapfirst.cause": attempt.cause,
        "cheapfirst.outcome": attempt.outcome,
        "cheapfirst.canary": attempt.canary,
        "cheapfirst.holdout": attempt.holdout,
        "cheapfirst.cache_hit": attempt.cache_hit,
        "cheapfirst.cost_usd": float(to_usd(NanoUsd(attempt.cost_nano_usd))),
        "cheapfirst.queued_ms": attempt.queued_ms,
        "cheapfirst.limit_wait_ms": attempt.limit_wait_ms,
        "cheapfirst.checks_ms": attempt.checks_ms,
        "cheapfirst.http_calls": attempt.http_calls,
    }
    if not attempt.cache_hit:  # of a hit nothing was sent: its tokens are those of the call that was paid earlier
        attributes["gen_ai.usage.input_tokens"] = attempt.input_tokens
        attributes["gen_ai.usage.output_tokens"] = attempt.output_tokens
    if attempt.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = [attempt.finish_reason]
    return attributes


def _evaluate(span: Span, attempt: AttemptRecord, at_ns: int) -> None:
    """Add an event for each failed check, or one that says that all passed. A reason may quote a rule, so it stays."""
    failures = json.loads(attempt.failures)
    for failure in failures:
        span.add_event(
            _EVALUATION,
            {
                "gen_ai.evaluation.name": failure["check"],
                "gen_ai.evaluation.score.label": "fail",
                "cheapfirst.field": failure["field"],
            },
            timestamp=at_ns,
        )
    if not failures:
        passed = {"gen_ai.evaluation.name": "verdict", "gen_ai.evaluation.score.label": "pass"}
        span.add_event(_EVALUATION, passed, timestamp=at_ns)
