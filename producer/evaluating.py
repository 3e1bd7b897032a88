"""Evaluating a task on a labelled set, keeping what was found, and comparing two evaluations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evaluation.paths.difference import difference
from evaluation.paths.evaluation import Ruler, evaluate
from evaluation.paths.item import path_items
from evaluation.statistics.safety import MARGIN
from producer.json_text import json_page
from producer.rollouts import user_name
from routing.comparison import Comparison
from routing.deployment import AnswerSource
from routing.errors import UsageError
from routing.field_path import check_path
from routing.item_facts import FACT_NAMES
from routing.money import NanoUsd, to_usd
from storage import evaluations, jobs, progress, trials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evaluation.paths.item import PathItem
    from routing.json_value import JsonObject
    from routing.task import FrozenTask
    from routing.trial import TrialPath
    from storage.database import Database
    from storage.evaluations import EvaluationRecord
    from storage.jobs import JobRecord

CONFIDENCE = 0.95


def ruler_of(task: FrozenTask, margin: float | None, confidence: float | None, by: str) -> Ruler:
    """Return what a task is held against: what is named, else its quality target, else three points at 95 %.

    Raises UsageError where `by` is no fact of a document.
    """
    problem = check_path(by, FACT_NAMES) if by else None
    if problem is not None:
        raise UsageError(
            f"--by: {problem.replace('the schema', 'a document')}.", "Such are: language, pages, metadata.NAME."
        )
    target = task.target
    return Ruler(
        margin=margin if margin is not None else MARGIN if target is None else target.margin,
        confidence=confidence if confidence is not None else CONFIDENCE if target is None else target.confidence,
        by=by,
    )


def keep_evaluation(
    database: Database, task: FrozenTask, ran: Mapping[TrialPath, JobRecord], ruler: Ruler
) -> dict[str, Any]:
    """Evaluate what the paths' jobs brought, keep it, and return it as JSON values."""
    comparison = Comparison.of_task(task)
    paths: dict[str, Mapping[str, PathItem]] = {
        path.value: _items(database, job.id, task.name, comparison, ruler.by) for path, job in ran.items()
    }
    found = evaluate(paths, ruler)
    for path, job in ran.items():
        found["paths"][path]["job"] = job.name
    told = {"task": task.name, "items": max(len(items) for items in paths.values()), **found}
    told["answered_by"] = sources_of(database, ran.values())
    told["spent_usd"] = sum(to_usd(NanoUsd(job.cost_nano_usd)) for job in ran.values())
    numbers = {path.value: job.id for path, job in ran.items()}
    number = evaluations.add(database, task.name, numbers, json_page(told).decode(), user_name())
    return {"evaluation": number, **told}


def sources_of(database: Database, ran: Iterable[JobRecord]) -> list[AnswerSource]:
    """Return what gave the answers of these jobs. Reads all of their calls."""
    uses = (use for job in ran for use in progress.models(database, job.id))
    return sorted({AnswerSource(use.answered_by or AnswerSource.PROVIDER) for use in uses})


def compare_evaluations(database: Database, first: int, second: int) -> dict[str, Any]:
    """Return what became better and worse from one evaluation to another, on the documents that both have.

    The second one's labels, comparators, margin and confidence hold for both, so that they are measured alike. Raises
    NotFoundError, UsageError where they have no path or no document in common.
    """
    before, after = evaluations.find(database, first), evaluations.find(database, second)
    result = json.loads(after.result)
    told: dict[str, Any] = {}
    for path, job_id in after.jobs.items():
        if path in before.jobs:
            compared = _compared(database, before.jobs[path], job_id, after, result)
            if compared is not None:
                told[path] = compared
    if not told:
        raise UsageError(
            f"Evaluations {first} and {second} have no documents on a path in common.",
            "`cheapfirst eval list` shows what each of them ran.",
        )
    return {"before": first, "after": second, "paths": told}


def _compared(
    database: Database, before_id: int, after_id: int, after: EvaluationRecord, result: Mapping[str, Any]
) -> dict[str, Any] | None:
    comparison = Comparison.of_task(jobs.frozen_task(database, after_id))
    labels = {item.custom_id: json.loads(item.expected) for item in trials.items(database, after_id)}
    now = _items(database, after_id, after.task_name, comparison, "")
    then = _items(database, before_id, after.task_name, comparison, "", labels)
    shared = now.keys() & then.keys()
    if not shared:
        return None
    changed = difference(now, then, result["margin"], result["confidence"])
    return {
        "items": len(shared),
        **changed.as_json(),
        "became_right": [name for name, item in now.items() if name in then and item.right and not then[name].right],
        "became_wrong": [name for name, item in now.items() if name in then and then[name].right and not item.right],
    }


def _items(
    database: Database,
    job_id: int,
    task_name: str,
    comparison: Comparison,
    by: str,
    labels: Mapping[str, JsonObject] | None = None,
) -> dict[str, PathItem]:
    return path_items(trials.items(database, job_id), task_name, comparison, by, labels or {})
