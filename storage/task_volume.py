"""How much of a task comes in, and which of its rules decide: over all its jobs, trials left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from routing.decision import Layer
from routing.deployment import AnswerSource
from storage.clock import now_ms
from storage.router_tables import DecisionRow
from storage.tables import Attempt, Item, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Database

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Volume:
    """Items that were submitted in the last `days`, the time since the first job where that is less."""

    items: int
    days: float


def recent_volume(database: Database, task_name: str, days: int) -> Volume:
    """Return how many items of a task were submitted in the last `days`, jobs that recordings answered left out."""
    first_answer = (
        select(col(Attempt.answered_by))
        .where(col(Attempt.job_id) == col(Job.id))
        .order_by(col(Attempt.position))
        .limit(1)
        .scalar_subquery()
    )
    of_task = (col(Job.task_name) == task_name, first_answer.is_distinct_from(AnswerSource.RECORDING))
    with database.read() as connection:
        now = int(connection.scalar(select(now_ms())) or 0)
        first = connection.scalar(select(func.min(col(Job.created_ms))).where(*of_task))
        items = connection.scalar(
            select(func.coalesce(func.sum(col(Job.items_total)), 0)).where(
                *of_task, col(Job.created_ms) > now - days * DAY_MS
            )
        )
    return Volume(int(items or 0), 0.0 if first is None else min(float(days), (now - first) / DAY_MS))


def rule_matches(database: Database, job_ids: Sequence[int]) -> tuple[dict[str, int], int]:
    """Return how many documents each rule sent on its way in these jobs, and how many documents were decided.

    Those outside the ramp met no rule and are not counted. Reads every decision of the jobs: for advice, not for
    watching.
    """
    routed = (
        col(DecisionRow.job_id).in_(job_ids),
        col(DecisionRow.layer).in_((Layer.RULE, Layer.DEFAULT, Layer.CLASSIFIER)),
    )
    with database.read() as connection:
        rows = connection.execute(
            select(col(DecisionRow.rule), func.count()).where(*routed).group_by(col(DecisionRow.rule))
        ).all()
        items = connection.scalar(
            select(func.count())
            .select_from(Item)
            .where(col(Item.job_id).in_(job_ids), col(Item.decided), col(Item.layer) != Layer.RAMP)
        )
    return {rule: int(count) for rule, count in rows if rule}, int(items or 0)
