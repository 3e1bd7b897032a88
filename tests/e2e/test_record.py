"""What a run's models answered is recorded, and run again without them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from producer.embedded.redis_binary import find_redis_binary
from routing.errors import ServiceUnreachableError
from tests.support.runs import first_task
from tests.support.services import missing

if TYPE_CHECKING:
    from pathlib import Path

SAME = ("items", "tiers", "failures", "cost_usd", "baseline_usd", "accuracy")


def test_a_recorded_run_comes_out_as_the_one_it_was_recorded_from(tmp_path: Path) -> None:
    """Every verdict and cent, repairs too, though redacted and without engines; and it counts for nothing else."""
    try:
        find_redis_binary()
    except ServiceUnreachableError:
        missing("a Redis server", "apt-get install redis-server")
    place = first_task(tmp_path)
    place.invoices(12)
    task = tmp_path / "invoices" / "task.yaml"
    task.write_text(task.read_text().replace("{name: cheap, model: small}", "{name: cheap, model: small, repair: 1}"))
    assert "repair: 1" in task.read_text()
    ran = place.run("run", "invoices", "invoices.jsonl", "--json")
    assert ran.code == 0, ran.err
    assert place.run("record", "--output", "recorded", "--redact", "field:supplier").code == 0
    (tmp_path / "invoices" / "engines.py").unlink()
    recorded = ("recorded/recordings.jsonl", "--deployment", "recorded/cheapfirst.yaml")
    again = place.run("run", "invoices", *recorded, "--name", "again", "--json")
    assert again.code == 0, again.err
    assert {name: again.json[name] for name in SAME} == {name: ran.json[name] for name in SAME}
    assert {model["kind"] for model in again.json["models"]} == {"recorded model"}
    rows = [json.loads(line) for line in (tmp_path / ".cheapfirst/results/again.jsonl").read_text().splitlines()]
    assert not any("Supplier" in str(row["output"]) for row in rows)
    planned = place.run("plan", "invoices", "invoices.jsonl", "--json").json
    assert (planned["history"]["items"], planned["history"]["items_left_aside"]) == (12, 12)
    assert place.run("drift", "invoices", "--json").json["signals"]["escalation"]["observations"] == 12
