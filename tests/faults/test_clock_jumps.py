"""Point 13: the clock of a worker jumps by an hour; leases are measured with the database's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.scene import Scene, wait_until
from tests.faults.soak.census import children
from tests.faults.trial import Trial
from tests.support.runs import COMMAND
from tests.support.services import missing

HOUR = 3600
LATENCY_MS = 4_000
LEASE_S = 3.0
"""Shorter than a call, so that a lease which is not extended in time runs out while it is needed."""
DIES_WITH = 8
ENDS_WITHIN_S = 10.0
"""After the lease: the duty of sweeping, if the dead worker had it, is free after 6 s, and is asked for every 2 s."""


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


@pytest.mark.timeout(300)
def test_no_lease_ends_late(make_scene: Callable[..., Scene], tmp_path: Path, trial: Trial) -> None:
    """What a killed worker held is taken back in time, though the clocks of those that sweep jump meanwhile."""
    scene = make_scene(latency_ms=LATENCY_MS, lease_s=LEASE_S, cheap=(12, 2), expensive=(12, 2))
    clock = JumpingClock(tmp_path / "clock")
    worker = scene.serve("cheap", command=clock.command)
    scene.serve("expensive", command=clock.command)
    scene.submit(DIES_WITH)
    assert wait_until(lambda: len(scene.leases("cheap")) == DIES_WITH, 60) is not None
    held = scene.leases("cheap")
    clock.jump(-HOUR)
    for process in children(worker.process.pid):
        os.kill(process, signal.SIGKILL)
    took = wait_until(lambda: not held.items() & scene.leases("cheap").items(), 10 * ENDS_WITHIN_S)
    clock.jump(trial.random.choice([-HOUR, HOUR]))
    assert scene.wait_for_the_end()
    findings = scene.examine(recovered_s=took)
    trial.report(13, "a worker whose clock jumped is killed: its leases end", findings, lease_s=LEASE_S)
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert findings.duplicate_paid_calls <= DIES_WITH
    assert took is not None
    assert took <= LEASE_S + ENDS_WITHIN_S
