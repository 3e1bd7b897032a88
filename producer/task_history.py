"""The documents of a task's past jobs that called as one would now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evaluation.planning.history import path_of_job
from routing.task import FrozenTask
from routing.trial import TrialPath
from storage.past_items import jobs_of_tasks, past_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routing.deployment import AnswerSource, DeploymentSpec
    from routing.rollout import Rollout
    from storage.database import Database
    from storage.past_items import PastItem

MOST_ITEMS = 5_000
"""Past documents that are read, newest job first: more make it slower, and hardly surer."""
MOST_JOBS = 100


@dataclass(slots=True)
class TaskHistory:
    """Reads them; afterwards it knows which jobs they came from, and how many were left aside.

    Documents that something else answered than `deployment` has now tell nothing of it: recordings, given again, are no
    history of the model they were taken from.
    """

    database: Database
    task: FrozenTask
    rollout: Rollout
    deployment: DeploymentSpec
    job_ids: list[int] = field(default_factory=list)
    alike_ids: list[int] = field(default_factory=list)
    """Those of them that also routed by the rules of now."""
    jobs_left_aside: int = 0
    items_left_aside: int = 0
    answered_by: set[AnswerSource] = field(default_factory=set)
    """What gave the answers of those that were read."""

    def read(self) -> Iterator[tuple[PastItem, TrialPath]]:
        """Yield documents with the path their job ran, newest job first."""
        running, left = self.rollout.applied(self.task), MOST_ITEMS
        names = [self.task.name, *(f"{self.task.name}@{path}" for path in TrialPath)]
        for job_id, text in jobs_of_tasks(self.database, names, MOST_JOBS):
            if not left:
                return
            job = self.rollout.applied(FrozenTask.model_validate_json(text))
            path = path_of_job(job, running)
            if path is None:
                self.jobs_left_aside += 1
                continue
            before = left
            for item in past_items(self.database, job_id):
                if not self._answers_now(item):
                    self.items_left_aside += 1
                    continue
                self.answered_by.update(call.answered_by for call in item.calls)
                yield item, path
                left -= 1
                if not left:
                    break
            if left < before:
                self.job_ids.append(job_id)
                if path is TrialPath.ROUTED and job.route.rules == running.route.rules:
                    self.alike_ids.append(job_id)

    def _answers_now(self, item: PastItem) -> bool:
        return all(call.answered_by is self.deployment.answer_source(call.model) for call in item.calls)
