"""Point 12: the disk or the memory of Redis is full: it is told, nothing is lost, and work goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.faults.oracle import examine
from tests.faults.scene import Scene, is_right, wait_until
from tests.faults.trial import Trial
from tests.support.documents import write_lines
from tests.support.runs import invoice
from tests.support.small_disk import SmallDisk, small_disk

FULL = "Redis says that its disk or its memory is full"
FIRST = 1_000_000
COUNT = 40


@pytest.mark.timeout(3600)
def test_a_full_redis_loses_nothing(make_scene: Callable[..., Scene], tmp_path: Path, trial: Trial) -> None:
    """Whoever submits or works is told in plain words, what was paid for is kept, and with room all goes on."""
    with small_disk(4) as disk:
        (disk.folder / "redis").mkdir()
        (tmp_path / "redis").symlink_to(disk.folder / "redis")
        scene = make_scene(persistence="everysec", latency_ms=300, cheap=(10, 2), expensive=(5, 1))
        for tier in ("cheap", "expensive"):
            scene.serve(tier)
        scene.submit(trial.size(200, 4000))
        submitted = {}
        assert wait_until(lambda: bool(scene.leases("cheap")), 60) is not None
        for number, (fill, free) in enumerate([(_fill_disk, _free_disk), (_fill_memory, _free_memory)]):
            fill(scene, disk)
            ids = range(FIRST * (number + 1), FIRST * (number + 1) + COUNT)
            file = write_lines(tmp_path / f"more-{number}.jsonl", *map(invoice, ids))
            submit = ("submit", "invoices", str(file), "--name", f"more-{number}")
            refused = scene.place.run(*submit)
            assert (refused.code != 0, FULL in refused.err, "Traceback" in refused.err) == (True, True, False), refused
            free(scene, disk)
            taken = scene.place.run(*submit)
            assert taken.code == 0, taken.err
            submitted[f"more-{number}"] = [f"invoice-{one}" for one in ids]
        assert scene.wait_for_the_end(trial.size(120.0, 1200.0))
        jobs = {scene.job: scene.submitted} | submitted
        for job in submitted:
            scene.job = job
            assert scene.wait_for_the_end()
        calls = scene.server.calls()
        found = [examine(scene.database, job, ids, calls, is_right=is_right) for job, ids in jobs.items()]
    trial.report(12, "disk and memory of Redis full", found[0], times=2)
    assert [(one.lost, one.duplicate_results, one.unexpected) for one in found] == [(0, 0, ())] * 3
    assert found[0].duplicate_paid_calls == 0, "no worker was killed"


def _fill_disk(scene: Scene, disk: SmallDisk) -> None:
    disk.fill()
    with redis.Redis.from_url(scene.redis.url) as client:

        def is_refused() -> bool:
            try:
                client.set("filling", "x")
            except redis.ResponseError:
                return True
            return False

        assert wait_until(is_refused, 30) is not None


def _free_disk(scene: Scene, disk: SmallDisk) -> None:
    disk.free()
    with redis.Redis.from_url(scene.redis.url) as client:

        def is_taken() -> bool:
            try:
                client.set("filling", "x")
            except redis.ResponseError:
                return False
            return True

        assert wait_until(is_taken, 30) is not None


def _fill_memory(scene: Scene, _disk: SmallDisk) -> None:
    with redis.Redis.from_url(scene.redis.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")


def _free_memory(scene: Scene, _disk: SmallDisk) -> None:
    with redis.Redis.from_url(scene.redis.url) as client:
        client.config_set("maxmemory", "0")
