"""Results as JSON lines: the output nested as it was accepted, money exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.json_text import embedded, json_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from producer.results import ResultRow


def write_jsonl(rows: Iterable[ResultRow], stream: BinaryIO) -> int:
    """Write one line for each row and return how many there were."""
    count = 0
    for row in rows:
        stream.write(json_line(row_object(row)))
        count += 1
    return count


def row_object(row: ResultRow) -> dict[str, object]:
    """Return a row in the form of its JSON line."""
    return {
        "custom_id": row.custom_id,
        "state": row.state,
        "output": None if row.output_json is None else embedded(row.output_json),
        "tier": row.tier,
        "model": row.model,
        "cost_usd": row.cost_usd,
        "attempts": row.attempts,
        "checks_failed": row.checks_failed,
        "fail_reason": row.fail_reason,
        "needs_review": row.needs_review,
        "latency_ms": row.latency_ms,
        "rejected_output": None if row.rejected_json is None else embedded(row.rejected_json),
    }
