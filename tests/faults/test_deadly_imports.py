"""Point 4, for tasks: a schema that ends, holds or fills whichever worker imports it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage import jobs
from storage.states import JobState, StopReason
from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.documents import write_lines

SCHEMA = Path(__file__).with_name("deadly_import.py")


@pytest.mark.timeout(7200)
def test_a_job_whose_schema_ends_workers_is_stopped_and_others_go_on(
    make_scene: Callable[..., Scene], trial: Trial
) -> None:
    """At the third worker, with a reason in `status`; none of its documents is burnt, and another job loses nothing."""
    kinds = trial.size((trial.random.choice(("kill", "leave", "eat")),), ("kill", "leave", "eat", "loop", "hold"))
    scene = make_scene(latency_ms=50, max_memory_mb=256)
    deadly = [_submit(scene, kind, 8) for kind in kinds]
    healthy_task = scene.place.folder / "invoices" / "task.yaml"
    healthy_task.write_text(healthy_task.read_text().replace("schema: schema.py:Invoice", "schema: invoice.json"))
    _write_invoices(scene, "the healthy", 40)
    scene.submit_file(40)
    scene.serve("cheap", "expensive")
    within_s = trial.size(240.0, 1800.0)
    assert wait_until(lambda: scene.ended() == 40, within_s) is not None
    stopped = wait_until(lambda: all(_stands(scene, job).state is JobState.STOPPED for job in deadly), within_s)
    assert stopped is not None
    findings = scene.examine()
    trial.report(
        4,
        f"schemas that {', '.join(kinds)} as they are imported, beside a healthy job",
        findings,
        times=len(deadly),
        documents=40,
    )
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    for job in deadly:
        found = _stands(scene, job)
        assert (found.stop_reason, found.items_failed, found.items_open) == (StopReason.TASK_UNUSABLE, 0, 8)
        told = scene.place.run("status", job)
        assert "3 worker processes ended" in " ".join(told.out.split())


def _submit(scene: Scene, kind: str, count: int) -> str:
    task = scene.place.folder / "invoices" / "task.yaml"
    schema = SCHEMA.read_text()
    assert schema.endswith("    kill()\n")
    task.with_name("schema.py").write_text(f"{schema.removesuffix('kill()' + chr(10))}{kind}()\n")
    task.write_text(task.read_text().replace("schema: invoice.json", "schema: schema.py:Invoice"))
    _write_invoices(scene, kind, count)
    scene.submit_file(count)
    return scene.job


def _write_invoices(scene: Scene, of: str, count: int) -> None:
    """Write documents that are others than those of another name."""
    lines = [
        {"custom_id": f"invoice-{number}", "text": f"Supplier {of}\nInvoice no. N-{number}\nTotal {number}.50\n"}
        for number in range(1, count + 1)
    ]
    write_lines(scene.place.folder / "invoices.jsonl", *lines)


def _stands(scene: Scene, job: str) -> jobs.JobRecord:
    return jobs.find(scene.database, job)
