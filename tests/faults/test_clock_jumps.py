"""Point 13: the clock of a worker jumps by an hour; leases are measured with the database's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.faults.trial import Trial
from tests.support.runs import COMMAND
from tests.support.services import missing

HOUR = 3600
LATENCY_MS = 4_000
LEASE_S = 3.0
"""Shorter than a call, so that a lease which is not extended in time runs out while it is needed."""


class JumpingClock:
    """The clock of one worker process, moved by libfaketime; the monotonic one goes on, as it does in a real jump."""

    def __init__(self, file: Path) -> None:
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not libraries:
            missing("libfaketime", "apt-get install faketime")
        self._file = file
        self.jump(0)
        self.command = (
            "env",
            f"LD_PRELOAD={libraries[0]}",
            f"FAKETIME_TIMESTAMP_FILE={file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            *COMMAND,
            "worker",
        )

    def jump(self, offset_s: int) -> None:
        """Let it be so many seconds fast from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}s\n")
        fresh.replace(self._file)


@pytest.mark.timeout(3600)
def test_no_lease_ends_early(make_scene: Callable[..., Scene], tmp_path: Path, trial: Trial) -> None:
    """A worker whose clock jumps to and fro keeps what it holds: nothing is lost and nothing is called twice."""
    scene = make_scene(latency_ms=LATENCY_MS, lease_s=LEASE_S, cheap=(12, 2), expensive=(12, 2))
    clock = JumpingClock(tmp_path / "clock")
    scene.serve("cheap", command=clock.command)
    scene.serve("expensive", command=clock.command)
    scene.submit(trial.size(12, 600))
    jumps = 0
    while scene.ended() < len(scene.submitted):
        assert jumps < 10 * len(scene.submitted), "the job does not end"
        if scene.leases("cheap") or scene.leases("expensive"):
            clock.jump(trial.random.choice([-HOUR, HOUR]))
            jumps += 1
        threading.Event().wait(trial.random.uniform(1.0, 3.0))
    findings = scene.examine()
    trial.report(13, "clock of the workers jumps by one or two hours", findings, times=jumps, lease_s=LEASE_S)
    assert jumps
    assert (findings.lost, findings.duplicate_results, findings.duplicate_paid_calls) == (0, 0, 0)
    assert findings.unexpected == ()
