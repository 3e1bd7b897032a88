"""Telemetry as the environment asks for it: off unless a collector is named."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.deployment import ModelSpec
    from storage.records import ItemRecord
    from workers.settings import Settings
    from workers.telemetry import Telemetry

log = logging.getLogger(__name__)


def open_telemetry(settings: Settings, models: Mapping[str, ModelSpec]) -> Telemetry | None:
    """Return the export to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, None where it names none.

    The SDK reads the rest of its own variables (headers, certificates). Without the extra it is told once, and left.
    """
    if settings.collector is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from workers.telemetry import SpanTelemetry
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing exports: pip install 'cheapfirst[telemetry]'.")
        return None
    return SpanTelemetry(models, BatchSpanProcessor(OTLPSpanExporter()), content=settings.telemetry_content)


def tell(telemetry: Telemetry, records: Sequence[ItemRecord]) -> None:
    """Pass on what was committed. Nothing is raised: what only watches must never cost a record."""
    try:
        telemetry.recorded(records)
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises
        log.error("Telemetry failed: %s", type(error).__name__)  # noqa: TRY400 - the message may quote values
