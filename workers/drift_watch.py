"""Watches the signals of tasks for drift, a little at a time, as calls come in."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from routing.drift.signal import Signal, SignalName
from routing.rollout import Rollout
from storage import clock, drift, jobs, rollouts
from storage.drift import DriftState
from storage.first_verdicts import first_verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database
    from storage.rollouts import RolloutChange

log = logging.getLogger(__name__)

EVERY_S = 20.0
PAGE = 1_000
"""Documents of a job that are shuffled before they are taken in: within these their order tells nothing."""
_PAGES = 20
"""Pages read of each task in one look: one that is behind catches up in the looks that follow."""


class DriftWatch:
    """Looks at the tasks of active jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next_s = 0.0

    def look(self) -> None:
        """Take in what was called since the last look, and log the signals that are sure of a change by now."""
        if monotonic() < self._next_s:
            return
        self._next_s = monotonic() + EVERY_S
        for task in jobs.active_tasks(self._database):
            if task.trial is None:
                before = drift.alarms(self._database, [task.name]).get(task.name, ())
                signals = advance(self._database, task.name, _PAGES)
                for name in sorted({name for name, signal in signals.items() if signal.alarm} - set(before)):
                    log.warning("%s: drift of %s. `cheapfirst drift TASK` tells more.", task.name, name)


def advance(database: Database, task_name: str, pages: int | None = None) -> dict[SignalName, Signal]:
    """Take in the verdicts of a task that were not yet, at most so many pages of them, and return its signals.

    They rest on the jobs that run what the newest one runs, and begin anew where the task, the model promoted in its
    place, the classifier or the thresholds have changed: what follows such a change is no drift.
    """
    known = jobs.of_task(database, task_name)
    if not known:
        return new_signals()
    fingerprint = known[-1].task_fingerprint
    tier = jobs.frozen_task(database, known[-1].id).tiers[0].name
    stored = drift.read(database, task_name)
    state = _state(database, task_name, fingerprint, stored)
    kept = json.loads(state.state)
    signals = {SignalName(one["name"]): Signal.of_json(one) for one in kept["signals"]}
    reached: dict[str, int] = kept["reached"]
    told_of = [job for job in known if job.task_fingerprint == fingerprint]
    left = pages
    for job in told_of:
        place = str(job.id)
        while (left is None or left > 0) and reached.get(place, 0) < job.items_total:
            after = reached.get(place, 0)
            page = first_verdicts(database, job.id, tier, after=after, since_ms=state.since_ms, limit=PAGE)
            for verdict in page.verdicts:
                for signal in signals.values():
                    signal.take(verdict)
            if page.reached == after:
                break
            reached[place] = page.reached
            left = None if left is None else left - 1
    following = _following(state, signals, reached)
    if following != stored:
        drift.write(database, task_name, following)
    return signals


def restart(database: Database, task_name: str) -> None:
    """Let what is called from now on be what later calls are held against, and take back every alarm."""
    is_written = False
    while not is_written:  # a worker that watches may have written meanwhile
        advance(database, task_name)
        state = drift.read(database, task_name)
        if state is None:
            return
        reached = json.loads(state.state)["reached"]
        anew = replace(state, since_ms=clock.read_ms(database))
        is_written = drift.write(database, task_name, _following(anew, new_signals(), reached))


def _state(database: Database, task_name: str, fingerprint: str, stored: DriftState | None) -> DriftState:
    """Return how far the task was watched, on the basis that holds now."""
    changes = rollouts.history(database, task_name)
    what_runs = _what_runs(changes[-1] if changes else None)
    basis = json.dumps([fingerprint, *what_runs])
    if stored is not None and stored.basis == basis:
        return stored
    is_same_task = stored is not None and json.loads(stored.basis)[0] == fingerprint
    reached = json.loads(stored.state)["reached"] if stored is not None and is_same_task else {}
    revision = 0 if stored is None else stored.revision
    return _following(DriftState(basis, _since_ms(changes), "", (), revision), new_signals(), reached)


def _what_runs(change: RolloutChange | None) -> tuple[int | None, int | None, str]:
    rollout = Rollout() if change is None else change.rollout
    promoted = {tier: override.model_dump() for tier, override in rollout.promoted.items()}
    return rollout.classifier, rollout.calibration, json.dumps(promoted, sort_keys=True)


def _since_ms(changes: Sequence[RolloutChange]) -> int:
    """Return since when what runs now has run, 0 where nobody ever changed it."""
    since_ms = 0
    before = _what_runs(None)
    for change in changes:
        if _what_runs(change) != before:
            since_ms, before = change.changed_ms, _what_runs(change)
    return since_ms


def new_signals() -> dict[SignalName, Signal]:
    """Return the four signals before the first verdict."""
    return {name: Signal.new(name) for name in SignalName}


def _following(state: DriftState, signals: dict[SignalName, Signal], reached: dict[str, int]) -> DriftState:
    kept = {"reached": reached, "signals": [signal.as_json() for signal in signals.values()]}
    alarmed = tuple(str(name) for name, signal in signals.items() if signal.alarm is not None)
    return replace(state, state=json.dumps(kept), alarms=alarmed)
