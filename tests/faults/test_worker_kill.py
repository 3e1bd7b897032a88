from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.runs import first_task, slow_engines

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = 200


@pytest.mark.timeout(240)
def test_a_killed_worker_loses_nothing_and_duplicates_no_result(tmp_path: Path) -> None:
    """SIGKILL of the cheap worker in the middle of a run: its calls are made again, once, and the run ends well."""
    place = first_task(tmp_path)
    place.invoices(ITEMS)
    deployment = place.folder / "cheapfirst.yaml"
    deployment.write_text(f"{deployment.read_text()}\nworkers: {{lease_s: 3}}\n")
    with slow_engines(place, latency_ms=250) as (slow, server):
        with slow.start("run", "invoices", "invoices.jsonl", "--json") as running:
            server.wait_for_answers(40, running)
            (worker,) = slow.worker_pids("cheap")
            os.kill(worker, signal.SIGKILL)
            out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
        assert slow.worker_pids("cheap") == []
        asked = server.calls()["by_document"]

    report = json.loads(out)
    assert report["items"] == {"total": ITEMS, "done": ITEMS, "failed": 0}
    assert sum(tier["accepted"] for tier in report["tiers"].values()) == ITEMS
    results = place.home / "results" / f"{report['job']}.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"invoice-{number}" for number in range(1, ITEMS + 1)]
    assert all(row["output"]["total"] == number + 0.5 for number, row in enumerate(rows, 1))
    assert max(asked.values()) <= 2
    # What was answered and lost with the worker was paid for, and is the only difference to the bill.
    assert sum(tier["attempts"] for tier in report["tiers"].values()) <= sum(asked.values())
