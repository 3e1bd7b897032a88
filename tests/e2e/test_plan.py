"""A plan as users make it, against what the same documents then really cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.documents import write_lines
from tests.support.recorded_sets import recorded_rows
from tests.support.runs import ROOT, Workplace

if TYPE_CHECKING:
    from tests.support.runs import Completed

RECEIPTS = ROOT / "examples" / "receipts"
COUNT = 100


def _within(ends: list[Any], value: float) -> bool:
    return float(ends[0]) <= value <= float(ends[1])


def _cost(ran: Completed) -> float:
    assert ran.code in {0, 1}, ran.err  # 1: some items failed
    return float(ran.json["cost_usd"])


@pytest.mark.timeout(300)
def test_real_receipts_cost_what_a_paid_sample_foretold(tmp_path: Path) -> None:
    """Cost, tokens and documents that go up lie within their ranges, and the sample within its bound."""
    rows = recorded_rows("receipts/dev.jsonl", COUNT)
    file = write_lines(tmp_path / "receipts.jsonl", *rows)
    place = Workplace(tmp_path)
    planned = place.run("plan", str(RECEIPTS), str(file), "--sample", "30", "--yes", "--json")
    assert planned.code == 0, planned.err
    plan = planned.json
    assert (plan["documents"], plan["basis"], plan["history"]["items"]) == (COUNT, "history", 30)
    at_most = float(planned.err.split("it costs at most $")[1].split()[0].rstrip("."))
    listed = {job["job"]: float(job["cost_usd"]) for job in place.run("jobs", "--json").json}
    assert 0 < sum(listed.values()) <= at_most

    ran = place.run("run", str(RECEIPTS), str(file), "--json")
    routed, cheap = plan["paths"]["routed"], plan["paths"]["cheap"]
    assert _within(routed["cost_usd"], _cost(ran))
    tiers = ran.json["tiers"]
    assert _within(cheap["cost_usd"], float(tiers["cheap"]["cost_usd"]))
    assert _within(cheap["input_tokens"], tiers["cheap"]["input_tokens"])
    assert _within(cheap["output_tokens"], tiers["cheap"]["output_tokens"])
    assert _within(routed["documents_by_tier"]["expensive"], tiers["expensive"]["attempts"])
