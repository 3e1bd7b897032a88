"""Point 10: kill -9 between every two steps from a message to its record, its publishing and its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from typing import Any

import pytest
from redis import Redis

from tests.faults.scene import Scene
from tests.faults.trial import Trial
from tests.support.runs import ROOT

TRIES = 2
"""Lives in which a step may stay out."""
WITHIN_S = 120
"""How long a life may take to its step; on a machine that does nothing else, it is one second."""
EXPECTED = (
    "before the acknowledgement",
    "after the acknowledgement",
    "before the claim",
    "after the claim",
    "before the call",
    "after the call",
    "after the checks",
    "after the way to the recorder",
    "before the commit of the record",
    "after the record",
    "before a message by the recorder",
    "after a message by the recorder",
    "after the publishing by the recorder",
    "after the dropping of the lease",
    "after the chunk",
    "before the commit of the taking back",
    "after the taking back",
    "after a message by the sweeper",
    "before the bringing forward",
    "after the bringing forward",
    "after the finding of what waits",
)
"""Each place between two steps once, in the small size. An undisturbed life goes through all of them and more."""


class Lives:
    """Worker processes that die where they are told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def live(
        self, die_at: str | None, *, enough: Collection[str] = (), job: str = "", statements: bool = False
    ) -> dict[str, Any]:
        """Let one live; return its exit status and the steps it reached."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"die_at": die_at, "within_s": WITHIN_S, "enough": list(enough), "job": job, "statements": statements}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def _lives(scene: Scene) -> Iterator[Lives]:
    with (scene.place.folder / "lives.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.dying_worker", "cheap", "expensive"],
            cwd=scene.place.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | scene.place.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        yield Lives(process)
        process.kill()


def _in_turn(steps: list[str], trial: Trial) -> list[str]:
    """Return the steps in a random order, in which deaths with items in hand and deaths of sweeps take turns.

    A sweep has something to take back then.
    """
    steps = trial.random.sample(steps, len(steps))
    sweeps = [step for step in steps if _is_of_a_sweep(step)]
    others = [step for step in steps if not _is_of_a_sweep(step)]
    pairs = zip_longest(others, sweeps)
    return [step for pair in pairs for step in pair if step is not None]


def _is_of_a_sweep(step: str) -> bool:
    return step.endswith(("by the sweeper", "the taking back", "the bringing forward", "the finding of what waits"))


def _give_a_sweep_something_to_do(scene: Scene, lives: Lives) -> None:
    """Let items be in a dead worker's hands, and every message be lost."""
    if not (scene.leases("cheap") or scene.leases("expensive")):
        assert "after the claim" in lives.live("after the claim")["reached"]
    with closing(Redis.from_url(scene.redis.url)) as broker:
        broker.delete("cheap", "expensive")


@pytest.mark.timeout(3600)
def test_dying_between_any_two_steps_loses_nothing(make_scene: Callable[..., Scene], trial: Trial) -> None:
    """A call is made again only where it was made and not recorded; each document ends with its one right result."""
    count, statements = trial.size((400, False), (1500, True))
    scene = make_scene(latency_ms=20, lease_s=10.0, cheap=(6, 3), expensive=(6, 3))
    with _lives(scene) as lives:
        scene.submit(count)
        _give_a_sweep_something_to_do(scene, lives)
        steps = lives.live(None, enough=EXPECTED, statements=statements)["reached"]
        assert set(EXPECTED) <= set(steps), set(EXPECTED) - set(steps)
        steps = trial.size(list(EXPECTED), steps)
        missed = []
        for step in _in_turn(steps, trial):
            told = []
            for _ in range(TRIES):
                if _is_of_a_sweep(step):
                    _give_a_sweep_something_to_do(scene, lives)
                told.append(lives.live(step, statements=statements))
                if step in told[-1]["reached"]:
                    break
            else:
                assert step not in EXPECTED, f"{step} was not reached but {told}; {scene.ended()} of {count} have ended"
                missed.append(step)  # such as a statement that follows only where another worker was quicker
        while not scene.wait_for_the_end(0):
            lives.live(None, job=scene.job)
        at_risk = scene.calls_without_a_record()
        findings = scene.examine()
    trial.report(
        10,
        "kill -9 between every two steps of message, claim, call, record, publishing, sweep",
        findings,
        times=len(steps) - len(missed),
        missed=missed,
        calls_made_and_not_recorded=at_risk,
    )
    assert (findings.lost, findings.duplicate_results, findings.unexpected) == (0, 0, ())
    assert findings.duplicate_paid_calls <= at_risk
