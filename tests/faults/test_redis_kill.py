"""Point 2: kill -9 of Redis, with each kind of persistence, and FLUSHALL."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.faults.scene import Scene, wait_until
from tests.faults.trial import Trial
from tests.support.redis_process import Persistence

TIERS = ("cheap", "expensive")
GOES_ON_WITHIN_S = 60.0


@pytest.mark.parametrize("persistence", ["everysec", "everysec2"])
def test_killing_redis_loses_nothing(make_scene: Callable[..., Scene], trial: Trial, persistence: Persistence) -> None:
    """Whatever Redis forgets or brings back, every document has one result, and workers go on within a minute."""
    kills = trial.size(1, 6)
    scene = make_scene(persistence=persistence.removesuffix("2"), latency_ms=500, cheap=(10, 2), expensive=(5, 1))
    for tier in TIERS:
        scene.serve(tier)
    scene.submit(trial.size(200, 1200))
    pause = threading.Event()
    assert wait_until(lambda: all(scene.leases(tier) for tier in TIERS), 60) is not None
    recoveries = []
    for _ in range(kills):
        pause.wait(trial.random.uniform(0.0, trial.size(1.0, 5.0)))
        scene.redis.kill()
        pause.wait(trial.random.uniform(0.0, trial.size(1.0, 5.0)))
        before = {tier: set(scene.leases(tier).values()) for tier in TIERS}
        scene.redis.start()
        recoveries.append(_goes_on_after_s(scene, before))

    assert scene.wait_for_the_end(trial.size(120, 600))
    findings = scene.examine(recovered_s=max(recoveries))
    trial.report(2, f"kill -9 Redis, {persistence}", findings, times=kills)
    assert findings.lost == 0


def _goes_on_after_s(scene: Scene, before: dict[str, set[str]]) -> float:
    """Return after how many seconds every tier has claimed something it did not have."""
    took = wait_until(
        lambda: all(set(scene.leases(tier).values()) - before[tier] for tier in TIERS), 3 * GOES_ON_WITHIN_S
    )
    assert took is not None
    return took
