"""Point 7: storms and outages of the provider in the middle of a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import results
from tests.faults.oracle import Findings, of_documents
from tests.faults.scene import Scene
from tests.faults.trial import Trial
from tests.faults.weather import DNS, STORMS, Passed, Weather, most_calls
from tests.support.private_hosts import PrivateHosts
from tests.support.runs import COMMAND, Workplace

TIERS = ("cheap", "expensive")
RECOVERS_WITHIN_S = 30.0
OUTAGE_S = 1800.0
IN_FLIGHT = 20


@pytest.mark.timeout(7200)
def test_storms_cost_time_and_nothing_else(make_scene: Callable[..., Scene], trial: Trial, tmp_path: Path) -> None:
    """Every document has one result of the tier it always had; the full rate is back within 30 s of each storm."""
    hosts = PrivateHosts(tmp_path)
    kinds = [kind for kind in STORMS if kind != DNS or hosts.works()]
    trial.random.shuffle(kinds)
    scene = _scene(make_scene, hosts, timeout_s=trial.size(5.0, 10.0))
    scene.submit(trial.size(800, 60_000))
    weather, passed = Weather(scene, hosts), []
    for kind in kinds[: trial.size(2, len(kinds))]:
        threading.Event().wait(trial.random.uniform(0.0, trial.size(0.5, 5.0)))
        passed.append(weather.storm(kind, trial.random.uniform(*trial.size((2.0, 3.0), (20.0, 60.0))), 90))
    _judge(scene, trial, passed, ", ".join(storm.kind for storm in passed))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["503", "refused", "hang"])
def test_half_an_hour_without_a_provider(
    make_scene: Callable[..., Scene], trial: Trial, tmp_path: Path, kind: str
) -> None:
    """It is asked now and then by one call at a time, and the full rate is back within 30 s of its return."""
    if not trial.full:
        pytest.skip("half an hour; with --faults=full. tests/gateway/test_outage.py plays it on a simulated clock")
    hosts = PrivateHosts(tmp_path)
    scene = _scene(make_scene, hosts, timeout_s=10.0)
    scene.submit(5000)
    outage = Weather(scene, hosts).storm(kind, OUTAGE_S, 90)
    _judge(scene, trial, [outage], f"outage of half an hour: {kind}")


def _scene(make_scene: Callable[..., Scene], hosts: PrivateHosts, timeout_s: float) -> Scene:
    """Set a scene whose workers find the server by its name, where that can be made to fail."""
    scene = make_scene(latency_ms=400, lease_s=10.0, timeout_s=timeout_s, cheap=(12, 4), expensive=(8, 1))
    command = (*COMMAND, "worker")
    if hosts.works():
        url = scene.server.base_url.replace("127.0.0.1", hosts.name)
        environment = {"CHEAPFIRST_SERVER_OFFLINE": url, "NO_PROXY": hosts.name, "no_proxy": hosts.name}
        scene.place = Workplace(scene.place.folder, scene.place.environment | environment)
        command = hosts.command(*command)
    for tier in TIERS:
        scene.serve(tier, command=command)
    return scene


def _judge(scene: Scene, trial: Trial, passed: list[Passed], fault: str) -> None:
    scene.place.run("scale", "cheap", "100")
    scene.place.run("scale", "expensive", "50")
    assert scene.wait_for_the_end(trial.size(120.0, 900.0))
    calls = scene.server.calls()
    asked = of_documents(calls["asked_by_document"])
    recoveries = [storm.recovered_s for storm in passed]
    findings = scene.examine(recovered_s=max((took for took in recoveries if took is not None), default=None))
    bound = 1 + sum(most_calls(storm.lasted_s, scene.timeout_s) for storm in passed)
    trial.report(
        7,
        fault,
        findings,
        times=len(passed),
        lasted_s=[round(storm.lasted_s, 1) for storm in passed],
        recovered=[None if took is None else round(took, 1) for took in recoveries],
        faulty_calls=sum(calls["faulty"].values()),
        most_calls_of_a_document=max(asked.values()),
        bound=bound,
        small_calls=sum(calls["asked_by_document"].values()) - sum(asked.values()),
    )
    _assert_nothing_but_time(scene, findings)
    cut = sum(STORMS[storm.kind](0).get("connections", "kept") != "kept" for storm in passed)
    assert findings.duplicate_paid_calls <= cut * IN_FLIGHT, "no answer was lost but on a connection that was cut"
    assert max(asked.values()) <= bound
    assert all(took is not None and took <= RECOVERS_WITHIN_S for took in recoveries)


def _assert_nothing_but_time(scene: Scene, findings: Findings) -> None:
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    items = list(results.items(scene.database, scene.stands().id))
    went_up = {item.custom_id for item in items if item.tier == "expensive"}
    beyond_cheap = {custom_id for custom_id in scene.submitted if int(custom_id.removeprefix("invoice-")) % 3 == 0}
    assert went_up == beyond_cheap, "no trouble of the provider sends a document up, nor keeps one down"
