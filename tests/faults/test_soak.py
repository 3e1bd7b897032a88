"""Point 14: a soak, in seconds; an hour of it is `make soak`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.soak.flatness import Patience
from tests.faults.soak.soak import Size, Soak, read_events
from tests.faults.soak.watch import ROLES, samples
from tests.faults.trial import Trial
from tests.support.postgres_server import PostgresServer

FAULTS = ("kill -9 Redis",)


@pytest.mark.timeout(300)
def test_a_soak_of_seconds(trial: Trial, tmp_path: Path, postgres_server: PostgresServer, postgres_url: str) -> None:
    """Jobs, a burst and a fault: nothing is lost, the backlog is drained, and every process was looked at."""
    size = Size(
        lasts_s=4,
        items=24,
        every_s=2,
        fault_every_s=4,
        burst=200,
        burst_at_s=0,
        seed=trial.seed,
        faults=FAULTS,
        longest_fault_s=4,
        sample_s=0.5,
        lease_s=10,
        latency_ms=200,
        queues=((40, 16), (20, 4)),
        patience=Patience(warm_up_s=1e6, least_samples=1),
    )
    folder, file = tmp_path / "soak", tmp_path / "soak.jsonl"
    folder.mkdir()
    outcome = Soak(size, folder, postgres_server, postgres_url, file).play()
    trial.report(14, f"soak: {', '.join(FAULTS)}", outcome.findings, times=len(FAULTS))
    assert (outcome.findings.lost, outcome.findings.duplicate_results, outcome.findings.unexpected) == (0, 0, ())
    assert outcome.findings.duplicate_paid_calls == 0, "no worker died"
    assert outcome.drained_after_s is not None
    assert {event["fault"] for event in read_events(file) if "fault" in event} == set(FAULTS)
    assert {holding.role for holding in samples(file)} == set(ROLES)
    # Seconds are too short a life for anything to be told flat.
    assert len(outcome.not_flat) == len(ROLES)
    assert all("never lived for long enough" in sentence for sentence in outcome.not_flat)


def test_a_folder_that_is_not_of_a_soak_is_left_alone(tmp_path: Path) -> None:
    """A soak makes the folder beside its file anew, and only one that a soak has made."""
    theirs = tmp_path / "soak" / "theirs"
    theirs.parent.mkdir()
    theirs.touch()
    command = (sys.executable, "-m", "tests.faults.soak", "--minutes", "0", "--file", str(tmp_path / "soak.jsonl"))
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, theirs.exists()) == (2, True)
    assert "is there already and is not of a soak" in ended.stderr
