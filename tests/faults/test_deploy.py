"""Point 5: a deploy under load, and workers of two versions on one queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

import pytest
from celery import Celery

from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from workers.messages import PARKED, VERSION

LEAVES_WITHIN_S = 30.0
"""A third of the grace period. What is in flight takes a second at most."""


@pytest.mark.timeout(3600)
def test_a_deploy_under_load_loses_nothing_and_pays_nothing_twice(
    make_scene: Callable[..., Scene], trial: Trial
) -> None:
    """SIGTERM lets calls in flight finish while the next worker comes up, and a newer version's message waits aside."""
    times = trial.size(1, 20)
    scene = make_scene(latency_ms=trial.size(400, 1000), cheap=(20, 4))
    worker = scene.serve("cheap")
    scene.submit(trial.size(400, 10_000))
    newer = Celery("newer", broker=scene.redis.url)
    newer.send_task("cheap", kwargs={"v": VERSION + 1, "job": 1, "parts": [[1, 2]]}, queue="cheap")
    newer.close()
    took_s = []
    for _ in range(times):
        assert wait_until(lambda: len(scene.leases("cheap")) >= 10, 60) is not None
        threading.Event().wait(trial.random.uniform(0.0, trial.size(0.5, 4.0)))
        held = scene.leases("cheap")
        following = scene.serve("cheap")
        began = monotonic()
        assert worker.end() == 0
        took_s.append(monotonic() - began)
        kept = held.items() & scene.leases("cheap").items()
        assert not kept, "a worker that leaves gives back what it had not begun"
        worker = following
    scene.place.run("scale", "cheap", "100")
    scene.serve("expensive", "--concurrency", "100")
    assert scene.wait_for_the_end(trial.size(120.0, 900.0))
    findings = scene.examine()
    trial.report(5, "SIGTERM under load", findings, times=times, longest_exit_s=round(max(took_s), 1))
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert findings.duplicate_paid_calls == 0
    assert max(took_s) <= LEAVES_WITHIN_S
    assert scene.redis.length("cheap" + PARKED) == 1
