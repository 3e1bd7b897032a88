"""The control: what a plain Celery application loses and pays twice under the faults of points 1 and 2.

Played by `make faults` only: it proves nothing about cheapfirst, and its figures stand beside ours.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.oracle import Findings, judge
from tests.faults.plain_celery import QUEUE, VISIBILITY_TIMEOUT_S, app
from tests.faults.scene import Scene, Service, wait_until
from tests.faults.trial import Trial
from tests.support.redis_process import PERSISTENCE_NAMES, Persistence

ITEMS = 600
TIMES = 5
CONCURRENCY = 10
GIVEN_UP_AFTER_S = 3 * VISIBILITY_TIMEOUT_S
"""Nothing has come for so long: whatever is missing is lost."""


@pytest.fixture
def trial(trial: Trial) -> Trial:
    """A trial at full size, as there is no other."""
    if not trial.full:
        pytest.skip("the control is played by make faults")
    return trial


class Control:
    """The application on a scene, with a worker that is started again whenever its process has ended."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.results = scene.place.folder / "results.jsonl"
        self.worker = self._serve()
        rows = [json.loads(line) for line in scene.place.invoices(ITEMS).read_text().splitlines()]
        self.ids = [row["custom_id"] for row in rows]
        with app.connection_for_write(scene.redis.url) as connection:
            for row in rows:
                arguments = (scene.server.base_url, str(self.results), row["custom_id"], row["text"])
                app.send_task("extract", arguments, queue=QUEUE, connection=connection)

    def _serve(self) -> Service:
        pool = ("--pool", "threads", "--concurrency", str(CONCURRENCY), "--without-gossip", "--without-mingle")
        celery = (sys.executable, "-m", "celery", "-A", "tests.faults.plain_celery", "-b", self.scene.redis.url)
        return self.scene.serve(QUEUE, command=(*celery, "worker", *pool, "-Q"))

    def found(self) -> Counter[str]:
        """Return how many results there are of each id."""
        lines = self.results.read_text().splitlines() if self.results.exists() else []
        return Counter(json.loads(line)["custom_id"] for line in lines)

    def is_at_work(self, more: int = 2 * CONCURRENCY) -> bool:
        """Wait until so many more results have come, starting the worker where it ended; tell whether they have."""
        before = self.found().total()
        return self._wait(lambda: self.found().total() >= min(before + more, ITEMS))

    def findings(self) -> Findings:
        """Return what the oracle finds once everything is there, or nothing has come for long."""
        while len(self.found()) < ITEMS and self.is_at_work(1):
            pass
        return judge(self.ids, self.found(), self.scene.server.calls()["by_document"])

    def _wait(self, condition: Callable[[], bool]) -> bool:
        def came() -> bool:
            if self.worker.process.poll() is not None:
                self.worker = self._serve()
            return condition()

        return wait_until(came, GIVEN_UP_AFTER_S) is not None


@pytest.mark.timeout(3600)
def test_killing_workers_of_a_plain_application(make_scene: Callable[..., Scene], trial: Trial) -> None:
    """Every message in flight is delivered again after the visibility timeout, or never."""
    control = Control(make_scene(latency_ms=1000))

    def strike() -> None:
        control.worker.process.kill()
        control.worker.process.wait()

    _report(trial, 1, f"kill -9 a worker, {CONCURRENCY} in flight", control, _play(control, trial, strike))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("persistence", ["none", "everysec", "always"])
def test_killing_redis_under_a_plain_application(
    make_scene: Callable[..., Scene], trial: Trial, persistence: Persistence
) -> None:
    """What Redis forgets is lost; a worker that stands still is nobody's business."""
    control = Control(make_scene(latency_ms=1000, persistence=persistence))

    def strike() -> None:
        control.scene.redis.kill()
        threading.Event().wait(trial.random.uniform(0.0, 5.0))
        control.scene.redis.start()

    _report(trial, 2, f"kill -9 Redis, {PERSISTENCE_NAMES[persistence]}", control, _play(control, trial, strike))


@pytest.mark.timeout(3600)
def test_a_redis_that_forgets_everything_under_a_plain_application(
    make_scene: Callable[..., Scene], trial: Trial
) -> None:
    """FLUSHALL takes all messages away for ever."""
    control = Control(make_scene(latency_ms=1000))
    _report(trial, 2, "FLUSHALL", control, _play(control, trial, control.scene.redis.forget_everything))


def _play(control: Control, trial: Trial, strike: Callable[[], None]) -> int:
    """Strike so many times, or as long as the worker goes on by itself; return how many times it was."""
    struck = 0
    while struck < TIMES and control.is_at_work():
        threading.Event().wait(trial.random.uniform(0.0, 1.0))
        strike()
        struck += 1
    return struck


def _report(trial: Trial, point: int, fault: str, control: Control, struck: int) -> None:
    began = time.monotonic()
    findings = control.findings()
    ended_s = round(time.monotonic() - began)
    trial.report(point, fault, findings, times=struck, system="plain Celery", of_items=ITEMS, then_waited_s=ended_s)
    assert not findings.unexpected
