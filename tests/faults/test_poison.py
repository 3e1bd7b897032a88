"""Point 4: documents whose handling kills the process, loops for ever, or eats memory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import results
from storage.states import FailReason, ItemState
from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.documents import write_lines

SCHEMA = Path(__file__).with_name("poisonous_schema.py")
WITHIN_S = 3600.0


@pytest.mark.timeout(7200)
def test_poison_is_put_aside_and_the_others_finish(make_scene: Callable[..., Scene], trial: Trial) -> None:
    """Each poison fails as quarantined after three claims; every other document has its right result."""
    kinds = trial.size(
        (trial.random.choice(("Kill", "Loop", "Hold", "Eat")),), ("Kill", "Leave", "Loop", "Hold", "Eat")
    )
    count, each = trial.size((120, 1), (4000, 4))
    in_flight = trial.size(10, 50)
    scene = make_scene(
        latency_ms=trial.size(100, 1000),
        lease_s=15.0 if "Hold" in kinds else 5.0,  # a third of it for the supervisor to see that nobody speaks
        max_memory_mb=256,
        cheap=(in_flight, 4),
        expensive=(in_flight, 4),
    )
    _use_poisonous_schema(scene)
    for _ in range(2):
        scene.serve("cheap", "expensive")
    _documents_per_s(scene, 4 * in_flight, {}, "the first")  # until everybody is there
    without = _documents_per_s(scene, count, {}, "the healthy")
    positions = trial.random.sample(range(1, count + 1), each * len(kinds))
    poisons = {position: kinds[index % len(kinds)] for index, position in enumerate(positions)}
    with_poison = _documents_per_s(scene, count, poisons, "the mixed")
    assert wait_until(lambda: scene.ended() == count, WITHIN_S) is not None
    ids = {f"invoice-{position}" for position in poisons}
    findings = scene.examine(may_fail=ids)
    trial.report(
        4,
        f"documents that {', '.join(kinds).lower()}, {in_flight} in flight in each of 2 processes",
        findings,
        times=len(poisons),
        documents=count,
        documents_per_s=with_poison,
        documents_per_s_without_poison=without,
        throughput_drop=f"{1 - with_poison / without:.0%}",
    )
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    failed = {
        item.custom_id: item.fail_reason
        for item in results.items(scene.database, scene.stands().id)
        if item.state is ItemState.FAILED
    }
    assert failed == dict.fromkeys(ids, FailReason.QUARANTINED)


def _use_poisonous_schema(scene: Scene) -> None:
    task = scene.place.folder / "invoices" / "task.yaml"
    shutil.copy(SCHEMA, task.with_name("schema.py"))
    task.write_text(task.read_text().replace("schema: invoice.json", "schema: schema.py:Invoice"))


def _documents_per_s(scene: Scene, count: int, poisons: dict[int, str], of: str) -> float:
    """Submit documents with poison at these positions; return how many of the healthy end in a second.

    `of` makes them other documents than those of another call.
    """
    lines = [
        {
            "custom_id": f"invoice-{number}",
            "text": f"{poisons.get(number, 'Supplier')} {number} of {of}\nInvoice no. N-{number}\nTotal {number}.50\n",
        }
        for number in range(1, count + 1)
    ]
    write_lines(scene.place.folder / "invoices.jsonl", *lines)
    began = time.monotonic()
    scene.submit_file(count)
    healthy = count - len(poisons)
    assert wait_until(lambda: scene.stands().items_done >= healthy, WITHIN_S) is not None
    return round(healthy / (time.monotonic() - began), 1)
