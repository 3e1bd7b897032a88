"""Drift is watched as calls come in, on real ledgers."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlmodel import col

from routing.drift.signal import REFERENCE, SignalName
from routing.rollout import Rollout
from routing.rollout_changes import classified
from routing.task import BudgetSpec
from storage import drift, rollouts
from storage.first_verdicts import first_verdicts
from storage.tables import Attempt
from tests.support.judged_jobs import BEGAN_MS, Judged, judge, open_job
from tests.support.ledgers import TASK
from workers import drift_watch
from workers.drift_watch import DriftWatch, advance

if TYPE_CHECKING:
    from storage.database import Database
    from storage.jobs import JobRecord

COUNT = 2_000
BROKEN_FROM = 1_000


def _answers(count: int, failing: float, seed: int = 1) -> list[Judged]:
    draw = random.Random(seed)
    return [
        Judged(passed=draw.random() >= failing, confidence=draw.betavariate(8, 2), probability=0.8)
        for _ in range(count)
    ]


def _broken_job(ledger: Database) -> JobRecord:
    """Return a job of which one answer of ten fails, and from the 1 001st on every second."""
    job = open_job(ledger, TASK, "broken", COUNT)
    judge(ledger, job, 1, _answers(BROKEN_FROM, 0.1))
    judge(ledger, job, BROKEN_FROM + 1, _answers(COUNT - BROKEN_FROM, 0.5))
    return job


def test_a_cheap_model_that_breaks_is_told(ledger: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Once, in the log of the worker that watches, and to everybody who looks at jobs."""
    _broken_job(ledger)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            DriftWatch(ledger).look()
    told = [record.getMessage() for record in caplog.records]
    assert [line for line in told if "drift of escalation" in line] == [
        f"{TASK.name}: drift of escalation. `cheapfirst drift TASK` tells more."
    ]
    assert drift.alarms(ledger, [TASK.name, "another"]) == {TASK.name: ("escalation", "calibration")}
    signal = advance(ledger, TASK.name)[SignalName.ESCALATION]
    assert signal.alarm is not None
    assert BROKEN_FROM < signal.alarm.observations < COUNT
    assert BEGAN_MS + BROKEN_FROM < signal.alarm.at_ms <= BEGAN_MS + COUNT
    assert signal.seen == COUNT


def test_taken_in_at_once_or_little_by_little_it_is_the_same(ledger: Database) -> None:
    """Pages, jobs and looks leave no trace in what is known; nothing is taken in twice."""
    first = open_job(ledger, TASK, "first", 1_100)
    second = open_job(ledger, TASK, "second", 200)
    judge(ledger, first, 1, _answers(1_000, 0.2, seed=2))
    assert advance(ledger, TASK.name)[SignalName.ESCALATION].seen == 1_000
    judge(ledger, first, 1_001, _answers(100, 0.2, seed=3))
    advance(ledger, TASK.name)
    judge(ledger, second, 1, _answers(200, 0.2, seed=4))
    little = advance(ledger, TASK.name)
    state = drift.read(ledger, TASK.name)
    assert state is not None
    assert advance(ledger, TASK.name) == little
    assert drift.read(ledger, TASK.name) == state
    with ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM drift_watches")
    assert advance(ledger, TASK.name) == little
    assert little[SignalName.ESCALATION].seen == 1_300


def test_an_item_that_waits_for_its_answer_holds_back_its_page(ledger: Database) -> None:
    """Otherwise the quick ones would come first, and quick ones may pass more often."""
    job = open_job(ledger, TASK, "waiting", 30)
    judge(ledger, job, 1, _answers(10, 0))
    judge(ledger, job, 12, _answers(9, 0))
    page = first_verdicts(ledger, job.id, "cheap", after=0, since_ms=0, limit=20)
    assert (page.verdicts, page.reached) == ((), 0)
    assert len(first_verdicts(ledger, job.id, "cheap", after=0, since_ms=0, limit=10).verdicts) == 10
    judge(ledger, job, 11, _answers(1, 1))
    page = first_verdicts(ledger, job.id, "cheap", after=0, since_ms=0, limit=20)
    assert (len(page.verdicts), page.reached) == (20, 20)
    assert [verdict.check for verdict in page.verdicts if verdict.check] == ["rules"]


def test_neighbours_of_an_input_come_apart(ledger: Database) -> None:
    """Within a page the order is shuffled, always alike: sorted input is no drift."""
    job = open_job(ledger, TASK, "sorted", 40)
    judge(ledger, job, 1, [*_answers(20, 0), *_answers(20, 1)])
    once, again = (first_verdicts(ledger, job.id, "cheap", after=0, since_ms=0, limit=100) for _ in range(2))
    assert once == again
    assert 4 <= sum(bool(verdict.check) for verdict in once.verdicts[:20]) <= 16


def test_the_verdict_comes_with_what_was_known(ledger: Database) -> None:
    """Its confidence, the classifier's probability and its time; calls before a time are passed over."""
    job = open_job(ledger, TASK, "known", 2)
    judge(ledger, job, 1, [Judged(confidence=0.25, probability=0.75), Judged()])
    found = first_verdicts(ledger, job.id, "cheap", after=0, since_ms=0, limit=10).verdicts
    known, unknown = sorted(found, key=lambda verdict: verdict.at_ms)
    assert (known.confidence, known.probability, known.at_ms) == (0.25, 0.75, BEGAN_MS + 1)
    assert (unknown.confidence, unknown.probability) == (None, None)
    assert 0 <= known.chance < 1
    assert known.chance != unknown.chance
    later = first_verdicts(ledger, job.id, "cheap", after=0, since_ms=BEGAN_MS + 2, limit=10)
    assert (later.verdicts, later.reached) == ((unknown,), 2)


def test_a_recording_is_not_watched(ledger: Database) -> None:
    """What a model answered once, given again, tells nothing of how it answers now: its job is passed over."""
    judge(ledger, open_job(ledger, TASK, "live", 50), 1, _answers(50, 0.1))
    before = advance(ledger, TASK.name)
    replayed = open_job(ledger, TASK, "replayed", 50)
    judge(ledger, replayed, 1, _answers(50, 0.9))
    with ledger.write() as connection:
        connection.execute(update(Attempt).where(col(Attempt.job_id) == replayed.id).values(answered_by="recording"))
    page = first_verdicts(ledger, replayed.id, "cheap", after=0, since_ms=0, limit=50)
    assert (page.verdicts, page.reached) == ((), 50)
    assert advance(ledger, TASK.name) == before
    assert before[SignalName.ESCALATION].seen == 50


def test_a_change_somebody_made_is_no_drift(ledger: Database) -> None:
    """Another classifier, or another task file: it begins anew, from what is called after that."""
    _broken_job(ledger)
    assert advance(ledger, TASK.name)[SignalName.ESCALATION].alarm
    rollouts.change(
        ledger,
        TASK.name,
        action="classifier",
        changed_by="a test",
        reason="",
        following=lambda _: classified(Rollout(), 7),
    )
    assert advance(ledger, TASK.name)[SignalName.ESCALATION].seen == 0
    assert drift.alarms(ledger) == {}
    other = open_job(ledger, TASK.model_copy(update={"budget": BudgetSpec(usd=1)}), "other", 20)
    with ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM rollouts")
    judge(ledger, other, 1, _answers(20, 0))
    assert advance(ledger, TASK.name)[SignalName.ESCALATION].seen == 20


def test_a_person_takes_an_alarm_back(sqlite_ledger: Database) -> None:
    """From then on, how it is now is how it should be: only what is called later counts."""
    job = _broken_job(sqlite_ledger)
    advance(sqlite_ledger, TASK.name)
    drift_watch.restart(sqlite_ledger, TASK.name)
    assert drift.alarms(sqlite_ledger, [TASK.name]) == {}
    signals = advance(sqlite_ledger, TASK.name)
    assert {signal.seen for signal in signals.values()} == {0}
    assert job.items_total > REFERENCE[SignalName.ESCALATION]


def test_of_two_that_watch_one_is_written(sqlite_ledger: Database) -> None:
    """Whoever read an older state does not overwrite a newer one."""
    open_job(sqlite_ledger, TASK, "raced", 1)
    advance(sqlite_ledger, TASK.name)
    state = drift.read(sqlite_ledger, TASK.name)
    assert state is not None
    assert drift.write(sqlite_ledger, TASK.name, state)
    assert not drift.write(sqlite_ledger, TASK.name, state)
    new = drift.DriftState("b", 0, "{}", ())
    assert drift.write(sqlite_ledger, "another", new)
    assert not drift.write(sqlite_ledger, "another", new)


def test_a_task_nobody_ran_has_nothing_to_tell(sqlite_ledger: Database) -> None:
    """Four signals that have seen nothing."""
    assert {signal.seen for signal in advance(sqlite_ledger, "nobody").values()} == {0}
    drift_watch.restart(sqlite_ledger, "nobody")
    assert drift.read(sqlite_ledger, "nobody") is None
