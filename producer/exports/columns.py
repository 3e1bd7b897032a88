"""The columns of a table of results: provenance, and one for each field of the task's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.task import FrozenTask

BEFORE_FIELDS = ("custom_id", "state")
AFTER_FIELDS = (
    "tier",
    "model",
    "cost_usd",
    "attempts",
    "checks_failed",
    "fail_reason",
    "needs_review",
    "latency_ms",
    "rejected_output",
)


def output_fields(task: FrozenTask) -> dict[str, str]:
    """Return the column of each top-level field of the output, in the order of the schema.

    A field named like a column of ours is found as `output.NAME`.
    """
    properties = task.output.json_schema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    ours = {*BEFORE_FIELDS, *AFTER_FIELDS, "output"}
    return {name: f"output.{name}" if name in ours else name for name in names}
