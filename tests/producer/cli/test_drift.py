"""`drift`, and where else a drift is told."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from producer.task_folder import load_task
from tests.support.judged_jobs import Judged, judge, open_job
from tests.support.task_folders import notes_folder

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database
    from tests.support.command_line import CommandLine


def _answers(count: int, failing: float) -> list[Judged]:
    draw = random.Random(count)
    return [Judged(passed=draw.random() >= failing) for _ in range(count)]


def test_a_drift_is_told_wherever_one_looks(cheapfirst: CommandLine, home_ledger: Database, tmp_path: Path) -> None:
    """By `drift` and `report` in full, by `status`, `jobs` and `check` in a line; until a person takes it back."""
    folder = notes_folder(tmp_path)
    task = load_task(folder)
    judge(home_ledger, open_job(home_ledger, task, "past", 700), 1, _answers(700, 0.1))
    told = cheapfirst("drift", folder)
    assert (told.code, told.err) == (0, "")
    assert "escalation   first answers that fail: no change shown in 700 observations" in told.out
    assert "of the first 100 observed, which later ones are held against" in told.out
    assert "calibration  the classifier's calibration: nothing observed" in told.out
    assert "sorted" not in told.out
    assert "no change shown; 1 of 4 signals have enough to be held against" in cheapfirst("report", "past").out
    assert "drifted" not in cheapfirst("status", "past").out

    judge(home_ledger, open_job(home_ledger, task, "worse", 400), 1, _answers(400, 0.5))
    assert "first answers that fail: CHANGED, sure after" in cheapfirst("report", "past").out
    for command in (("status", "past"), ("jobs",), ("check", folder)):
        assert "notes has drifted: first answers that fail" in cheapfirst(*command).out, command
    assert "sorted (by customer or kind, say) over more than 1,000 documents" in cheapfirst("drift", folder).out
    assert "no particular order" in cheapfirst("drift", folder, "--json").json["assumes"]
    alarm = cheapfirst("drift", folder, "--json").json["signals"]["escalation"]["alarm"]
    assert (700 < alarm["after"] < 1_100, alarm["false_alarm_rate"]) == (True, 0.0025)
    assert "CHANGED" in cheapfirst("report", "past", "--md").out

    assert "nothing observed" in cheapfirst("drift", folder, "--restart").out
    assert "drifted" not in cheapfirst("status", "past").out
