"""Tasks compiled once per process: templates, schemas and rules are costly to prepare and the same for every item."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from routing.router import Router
from storage import jobs
from workers.active_calibration import active_calibration
from workers.active_classifier import active_classifier, active_judge
from workers.fix_rates_watch import FixRatesWatch
from workers.steered_task import SteeredTask

if TYPE_CHECKING:
    from routing.price import PriceList
    from routing.rollout import Rollout
    from routing.task import FrozenTask
    from storage.database import Database
    from workers.black_box import BlackBox
    from workers.rollout_watch import RolloutWatch

_KEPT = 64


class TaskCache:
    """The tasks of the jobs seen lately, each under its rollout as it stands. Safe to share between threads.

    Jobs that froze the same task share what is compiled of it: whoever submits a job every few seconds pays for one.
    """

    def __init__(self, database: Database, rollouts: RolloutWatch, prices: PriceList, black_box: BlackBox) -> None:
        self._black_box = black_box
        self._database = database
        self._rollouts = rollouts
        self._prices = prices
        self._fix_rates = FixRatesWatch(database)
        self._lock = threading.Lock()
        self._tasks: OrderedDict[int, SteeredTask] = OrderedDict()

    def get(self, job_id: int) -> SteeredTask | None:
        """Return the task of a job, None where it does not run and was not met before: its code is not run for nothing.

        Raises a CheapfirstError where it has one that does not compile here, or one that names a model, a classifier
        or a calibration which is not here.
        """
        with self._lock:
            known = self._tasks.get(job_id)
            task = self._compiled(job_id) if known is None else self._followed(job_id, known)
            if task is None:
                return None
            self._tasks[job_id] = task
            self._tasks.move_to_end(job_id)
            if len(self._tasks) > _KEPT:
                self._tasks.popitem(last=False)
        return self._informed(task)

    def _compiled(self, job_id: int) -> SteeredTask | None:
        frozen = jobs.runnable_task(self._database, job_id)
        return None if frozen is None else self._under(job_id, self._rollouts.get(frozen), frozen)

    def _followed(self, job_id: int, task: SteeredTask) -> SteeredTask:
        rollout = self._rollouts.get(task.frozen)
        return task if rollout == task.rollout else self._under(job_id, rollout, task.frozen)

    def _informed(self, task: SteeredTask) -> SteeredTask:
        if not any(tier.benefit for tier in task.frozen.tiers):
            return task
        return dataclasses.replace(task, fix_rates=self._fix_rates.get(task.frozen.taught_as))

    def _under(self, job_id: int, rollout: Rollout, frozen: FrozenTask) -> SteeredTask:
        classifier = active_classifier(self._database, self._prices, frozen, rollout)
        judge = active_judge(self._database, self._prices, frozen, rollout)
        calibration = active_calibration(self._database, frozen, rollout)
        twins = [task for task in self._tasks.values() if task.frozen == frozen]
        twin = next((task for task in twins if task.rollout == rollout), None)
        if twin is not None:
            # Classifier and judge are this job's own: their thresholds follow what calls have come to by now.
            return dataclasses.replace(twin, classifier=classifier, judge=judge, calibration=calibration)
        with self._black_box.readying(job_id):  # the schema's module is imported here
            router = twins[0].router if twins else Router(frozen)
            task = SteeredTask.compile(frozen, router, rollout, classifier, judge, calibration)
        if judge is not None:
            self._prices.source(judge.model)
        for variant in filter(None, (task.usual, task.canary)):
            for tier in variant.task.tiers:
                self._prices.source(tier.model)  # a model that is not here would fail each item by itself
        return task
