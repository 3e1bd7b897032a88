"""Spans of what was recorded: real calls, a real collector on loopback."""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from evaluation.model_server.faults import Fault, FaultPlan
from routing.task import CacheSpec, ChecksSpec, FrozenTask, JsonSchema, TierSpec
from storage import jobs
from storage.database import Database
from storage.records import ItemRecord
from storage.states import JobState
from tests.support.engine_room import engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import Loopback, answering, loopback
from workers.settings import Settings
from workers.telemetry import SpanTelemetry, Telemetry
from workers.telemetry_setup import open_telemetry

RIGHT, WRONG = '{"total": 9}', '{"total": 471147114711471147}'
"""The wrong total is long enough that no span's time, port or random id holds it by chance."""
SECRET = "SECRET SHOP TOTAL 9.00"
TASK = FrozenTask(
    name="totals",
    output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
    tiers=(
        TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
    ),
    checks=ChecksSpec(grounded=("total",)),
)


def _run(ledger: Database, server: Loopback, telemetry: Telemetry | None, task: FrozenTask = TASK) -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=1, budget=None, item_budget=None
    )
    jobs.add_items(ledger, job.id, 1, [jobs.NewItem("secret-id", "cheap", SECRET, "{}", None, None)])
    jobs.open_job(ledger, job.id, TIERS)
    with engine_room(ledger, server.deployment(small="gpt-small", large="gpt-large"), telemetry=telemetry) as room:
        room.pipeline.run_chunk("cheap", job.id, [1])
        room.pipeline.run_chunk("expensive", job.id, [1])
    return job.id


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A cheap model that is wrong and an expensive one that is right, under names of their own."""
    with loopback({"gpt-small": answering(WRONG), "gpt-large": answering(RIGHT)}) as running:
        yield running


def _spans(ledger: Database, server: Loopback, *, content: bool = False) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    models = server.deployment(small="gpt-small", large="gpt-large").models
    processor: SpanProcessor = SimpleSpanProcessor(exporter)
    _run(ledger, server, SpanTelemetry(models, processor, content=content))
    return list(exporter.get_finished_spans())


def test_each_call_is_a_span_by_the_conventions(sqlite_ledger: Database, server: Loopback) -> None:
    """Named by operation and the provider's model, dated by the call, with its tokens and its verdict as events."""
    small, large = _spans(sqlite_ledger, server)
    assert (small.name, large.name, small.kind) == ("chat gpt-small", "chat gpt-large", SpanKind.CLIENT)
    assert small.attributes is not None
    assert large.attributes is not None
    told = dict(small.attributes)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "gpt-small"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (6, 8)
    assert (told["cheapfirst.tier"], told["cheapfirst.cause"], told["cheapfirst.outcome"]) == (
        "cheap",
        "first_tier",
        "rejected",
    )
    assert told["cheapfirst.cost_usd"] == pytest.approx(86e-6)
    assert small.start_time is not None
    assert small.end_time is not None
    assert small.end_time >= small.start_time > 10**18
    (failed,), (passed,) = small.events, large.events
    assert failed.name == passed.name == "gen_ai.evaluation.result"
    assert dict(failed.attributes or {}) == {
        "gen_ai.evaluation.name": "grounding",
        "gen_ai.evaluation.score.label": "fail",
        "cheapfirst.field": "total",
    }
    assert (passed.attributes or {})["gen_ai.evaluation.score.label"] == "pass"
    assert small.status.status_code is StatusCode.UNSET


def test_a_cache_hit_used_no_tokens(sqlite_ledger: Database, server: Loopback) -> None:
    """Its span says that it is a hit, and carries no usage: dashboards add usage up."""
    task = TASK.model_copy(update={"cache": CacheSpec(mode="write")})
    _run(sqlite_ledger, server, None, task)
    exporter = InMemorySpanExporter()
    models = server.deployment(small="gpt-small", large="gpt-large").models
    _run(sqlite_ledger, server, SpanTelemetry(models, SimpleSpanProcessor(exporter), content=False), task)
    asked, hit = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    assert (asked["cheapfirst.cache_hit"], hit["cheapfirst.cache_hit"]) == (False, True)
    assert "gen_ai.usage.input_tokens" in asked
    assert not [name for name in hit if name.startswith("gen_ai.usage.")]


def test_nothing_of_a_document_is_in_a_span(sqlite_ledger: Database, server: Loopback) -> None:
    """Not its text, its name, its prompt or an answer, unless answers were asked for."""
    told = "".join(span.to_json() for span in _spans(sqlite_ledger, server))
    assert not any(word in told for word in ("SECRET", "secret-id", "471147114711471147"))


def test_answers_are_told_where_that_was_asked_for(sqlite_ledger: Database, server: Loopback) -> None:
    """In the form of the conventions."""
    small, _ = _spans(sqlite_ledger, server, content=True)
    assert small.attributes is not None
    messages = str(small.attributes["gen_ai.output.messages"])
    assert '"role": "assistant"' in messages
    assert "471147114711471147" in messages


def test_a_call_without_an_answer_is_an_error(sqlite_ledger: Database) -> None:
    """Its kind says what was wrong."""
    with loopback({"gpt-small": answering(RIGHT)}, faults=FaultPlan({Fault.UNAVAILABLE: 1.0})) as server:
        (span,) = _spans(sqlite_ledger, server)
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.status.status_code) == ("overloaded", StatusCode.ERROR)
    assert span.events == ()


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    """A collector that keeps what it is sent."""
    with HTTPServer(("127.0.0.1", 0), _Collector) as running:
        running.bodies = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_spans_reach_the_collector_the_environment_names(
    sqlite_ledger: Database, server: Loopback, collector: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By OTLP over HTTP, all of them once the worker is closed."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    telemetry = open_telemetry(Settings(), server.deployment(small="gpt-small", large="gpt-large").models)
    assert telemetry is not None
    _run(sqlite_ledger, server, telemetry)
    ((path, body),) = collector.bodies  # type: ignore[attr-defined]
    assert path == "/v1/traces"
    sent = ExportTraceServiceRequest.FromString(body)
    (scope,) = sent.resource_spans[0].scope_spans
    assert [span.name for span in scope.spans] == ["chat gpt-small", "chat gpt-large"]


def test_a_collector_that_is_away_costs_no_record(
    sqlite_ledger: Database, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans are lost, items are not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    telemetry = open_telemetry(Settings(), server.deployment(small="gpt-small", large="gpt-large").models)
    job = _run(sqlite_ledger, server, telemetry)
    assert jobs.find(sqlite_ledger, str(job)).state is JobState.DONE


def test_telemetry_that_fails_costs_no_record(
    sqlite_ledger: Database, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told in the log, without values."""

    class Broken:
        def recorded(self, records: Iterable[ItemRecord]) -> None:
            raise ValueError(f"quoting {len(list(records))}")

        def close(self) -> None:
            return

    with caplog.at_level(logging.ERROR):
        job = _run(sqlite_ledger, server, Broken())
    assert jobs.find(sqlite_ledger, str(job)).state is JobState.DONE
    assert "Telemetry failed: ValueError" in caplog.text
    assert "quoting" not in caplog.text


def test_without_a_collector_nothing_is_exported() -> None:
    """The default."""
    assert open_telemetry(Settings(), {}) is None
