"""Audits: handing accepted answers to a person, taking labels back, and what they tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.accuracy import field_scores
from evaluation.audit import draw, newest_estimate
from evaluation.live_evidence import ALPHA
from evaluation.pair_comparison import PairComparison
from evaluation.replay.recording_row import KIND
from producer.audit_labels import read_audit_labels
from producer.rollouts import user_name
from routing.comparison import Comparison
from routing.errors import UsageError
from storage import audits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from routing.task import FrozenTask
    from storage.audits import AcceptedItem
    from storage.database import Database

MOST_ITEMS = 50_000
"""Accepted items an audit is about, the newest: they fit into memory."""


@dataclass(frozen=True, slots=True)
class TakenLabels:
    """How many labels were new, replaced another one, were known already, and how many lines are still empty."""

    new: int
    changed: int
    known: int
    unfilled: int


def audit_rows(database: Database, task: FrozenTask, count: int) -> list[dict[str, Any]]:
    """Choose items to label, remember the choice, and return a row for each with an empty `expected`.

    A row that was handed out and has no label yet is handed out again. Raises UsageError where there is nothing left.
    """
    items = audits.accepted(database, task.name, MOST_ITEMS)
    if not any(item.expected is None for item in items):
        what = "every accepted item has a label" if items else "no tier below the last has accepted anything"
        raise UsageError(f"There is nothing to label for task `{task.name}`: {what}.")
    drawn = draw(items, _disagreeing(database, task), count)
    until_ms = max(item.ended_ms for item in items)
    audits.keep_draw(database, task.name, until_ms, [item.key for item in drawn.new_picks])
    told = audits.documents(database, [chosen.item.key for chosen in drawn.chosen])
    return [
        {
            "custom_id": document.custom_id,
            "job": document.job_name,
            "why": chosen.why,
            "probability": round(chosen.probability, 6),
            "text": document.text,
            "answer": json.loads(document.output),
            "expected": {},
        }
        for chosen, document in zip(drawn.chosen, told, strict=True)
    ]


def take_labels(database: Database, task: FrozenTask, file: Path) -> TakenLabels:
    """Keep the labels of a file that was filled in; the same file again changes nothing.

    Raises InvalidFileError with every mistake and its line, and keeps none of them then.
    """
    labels, unfilled = read_audit_labels(database, task, file)
    new, changed = audits.put_labels(database, labels, user_name())
    return TakenLabels(new, changed, len(labels) - new - changed, unfilled)


def labelled_rows(database: Database, task: FrozenTask) -> Iterator[dict[str, Any]]:
    """Yield a row with document and label for each item of a task that a person has labelled: an input of `eval`.

    It is of the form of a recording without answers, which is read alike whatever keys the task's own rows have. Of a
    custom id that several jobs have, the newest one's.
    """
    documents = audits.documents(database, audits.labelled_keys(database, task.name))
    for document in {document.custom_id: document for document in documents}.values():
        yield {
            "kind": KIND,
            "custom_id": document.custom_id,
            "text": document.text,
            "pages": document.pages,
            "metadata": json.loads(document.metadata),
            "expected": json.loads(document.expected or "{}"),
            "models": {},
        }


def audit_figures(database: Database, task: FrozenTask) -> dict[str, object] | None:
    """Return what the labels tell of the newest accepted items of a task as JSON values, None before the first label.

    Raises UsageError where a custom comparator fails.
    """
    if not audits.labelled_keys(database, task.name):
        return None
    comparison = Comparison.of_task(task)

    def is_wrong(item: AcceptedItem) -> bool:
        output, expected = json.loads(item.output or "{}"), json.loads(item.expected or "{}")
        return min(field_scores(comparison, output, expected).values(), default=1.0) < 1

    items = audits.accepted(database, task.name, MOST_ITEMS)
    found = newest_estimate(items, audits.draws(database, task.name), is_wrong)
    if found is None:
        return None
    return {
        "until_ms": found.until_ms,
        "accepted_items": found.population,
        "doubtful": {"picked": found.picked, "labelled": found.picked_labelled, "wrong": found.picked_wrong},
        "random": {"labelled": found.random_labelled, "wrong": found.random_wrong},
        "wrong_share": None if found.share is None else round(found.share, 6),
        "wrong_interval": [round(found.interval.low, 6), round(found.interval.high, 6)],
        "confidence": 1 - ALPHA,
    }


def _disagreeing(database: Database, task: FrozenTask) -> set[tuple[int, int]]:
    compare = PairComparison(task)
    return {
        (second.job_id, second.position)
        for second in audits.second_answers(database, task.name, MOST_ITEMS)
        if compare.differing(second.output, second.answer)
    }
