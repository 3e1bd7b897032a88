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
NAMES = {"none": "no persistence", "everysec": "AOF everysec", "always": "AOF always"}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("persistence", ["none", "everysec", "always"])
def test_killing_redis_loses_nothing(make_scene: Callable[..., Scene], trial: Trial, persistence: Persistence) -> None:
    """Whatever Redis forgets or brings back, every document has one result, and workers go on within a minute."""
    scene = make_scene(persistence=persistence, **_load(trial))

    def kill() -> None:
        scene.redis.kill()
        threading.Event().wait(trial.random.uniform(0.0, trial.size(1.0, 5.0)))
        scene.redis.start()

    _play(scene, trial, f"kill -9 Redis, {NAMES[persistence]}", kill)


@pytest.mark.timeout(3600)
def test_a_redis_that_forgets_everything_loses_nothing(make_scene: Callable[..., Scene], trial: Trial) -> None:
    """FLUSHALL takes the messages away, and the workers' connections stay."""
    scene = make_scene(**_load(trial))
    _play(scene, trial, "FLUSHALL", scene.redis.forget_everything)


def _load(trial: Trial) -> dict[str, object]:
    return {"latency_ms": trial.size(200, 500), "cheap": (10, 2), "expensive": (5, 1)}


def _play(scene: Scene, trial: Trial, fault: str, strike: Callable[[], None]) -> None:
    times = trial.size(1, 20)
    for tier in TIERS:
        scene.serve(tier)
    scene.submit(trial.size(150, 4000))
    recoveries = []
    for _ in range(times):
        assert wait_until(lambda: all(scene.leases(tier) for tier in TIERS), 60) is not None
        threading.Event().wait(trial.random.uniform(0.0, trial.size(0.5, 5.0)))
        strike()
        recoveries.append(_goes_on_after_s(scene))
    scene.place.run("scale", "cheap", "100")
    scene.place.run("scale", "expensive", "50")
    assert scene.wait_for_the_end(trial.size(120.0, 900.0))
    findings = scene.examine(recovered_s=max(recoveries))
    trial.report(
        2, fault, findings, times=times, within_10_s=sum(took <= 10 for took in recoveries), lease_s=scene.lease_s
    )
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert findings.duplicate_paid_calls == 0, "no worker died"
    assert max(recoveries) <= GOES_ON_WITHIN_S


def _goes_on_after_s(scene: Scene) -> float:
    """Return after how many seconds each tier has claimed something that it had not claimed before."""
    before = {tier: scene.leases(tier).items() for tier in TIERS}
    took = wait_until(lambda: all(scene.leases(tier).items() - before[tier] for tier in TIERS), 3 * GOES_ON_WITHIN_S)
    assert took is not None
    return took
