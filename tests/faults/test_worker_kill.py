"""Point 1: kill -9 of a worker."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.scene import Scene, is_right, wait_until
from tests.faults.trial import Trial
from tests.support.runs import first_task, slow_engines
from workers.pool import threads_for

CHUNK = 4
RECOVERS_WITHIN_S = 10.0
"""After the lease."""


@pytest.mark.timeout(3600)
def test_killing_workers_loses_nothing(make_scene: Callable[..., Scene], trial: Trial) -> None:
    """What a killed worker held is called again, once, and is in hand within its lease and ten seconds."""
    kills, in_flight = trial.size((2, 10), (50, 50))
    scene = make_scene(latency_ms=trial.size(400, 2000), lease_s=trial.size(3.0, 5.0), cheap=(in_flight, CHUNK))
    scene.serve("cheap")
    scene.submit(trial.size(150, 20_000))
    recoveries = []
    at_risk = 0
    for _ in range(kills):
        assert wait_until(lambda: len(scene.leases("cheap")) >= in_flight, 60) is not None
        threading.Event().wait(trial.random.uniform(0.0, trial.size(1.0, 4.0)))
        (worker,) = scene.place.worker_pids("cheap")
        os.kill(worker, signal.SIGKILL)
        at_risk = scene.calls_without_a_record()
        recoveries.append(_recovered_after_s(scene))
    scene.place.run("scale", "cheap", str(8 * in_flight))
    scene.serve("expensive", "--concurrency", str(8 * in_flight))
    assert scene.wait_for_the_end(trial.size(120.0, 1800.0))
    findings = scene.examine(recovered_s=max(recoveries))
    trial.report(
        1,
        f"kill -9 a worker, {in_flight} in flight",
        findings,
        times=kills,
        lease_s=scene.lease_s,
        calls_in_flight_at_kills=at_risk,
    )
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert 0 < findings.duplicate_paid_calls <= at_risk
    # What was in flight, and what was answered and not written down yet: a thread holds its chunk until all of it is.
    assert at_risk <= kills * threads_for(in_flight, CHUNK) * CHUNK
    assert max(recoveries) <= scene.lease_s + RECOVERS_WITHIN_S


def _recovered_after_s(scene: Scene) -> float:
    """Return after how many seconds everything the killed worker held has ended or is in another one's hands."""
    held = scene.leases("cheap")
    took = wait_until(lambda: not held.items() & scene.leases("cheap").items(), 20 * RECOVERS_WITHIN_S)
    assert took is not None
    return took


@pytest.mark.timeout(240)
def test_a_run_outlives_its_workers(tmp_path: Path, trial: Trial) -> None:
    """`cheapfirst run` replaces a worker that is killed, and writes every result once."""
    items = 120
    place = first_task(tmp_path)
    place.invoices(items)
    deployment = place.folder / "cheapfirst.yaml"
    deployment.write_text(f"{deployment.read_text()}\nworkers: {{lease_s: 3}}\n")
    with slow_engines(place, latency_ms=250) as (slow, server):
        with slow.start("run", "invoices", "invoices.jsonl", "--json") as running:
            server.wait_for_answers(trial.random.randrange(1, items // 2), running)
            (worker,) = slow.worker_pids("cheap")
            os.kill(worker, signal.SIGKILL)
            out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
        assert slow.worker_pids("cheap") == []
    report = json.loads(out)
    rows = [json.loads(line) for line in (place.home / "results" / f"{report['job']}.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"invoice-{number}" for number in range(1, items + 1)]
    assert all(is_right(row["custom_id"], row["output"]) for row in rows)
