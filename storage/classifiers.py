"""The trained versions of a task's classifier. Which one is active is part of the task's rollout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlmodel import col

from routing.classifier.linear_model import LinearModel
from routing.errors import NotFoundError, UsageError
from storage.clock import now_ms
from storage.router_tables import ClassifierRow
from storage.versions import next_version

if TYPE_CHECKING:
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class ClassifierVersion:
    """A version, how it did on outcomes kept from it (a JSON text), and who trained it when."""

    version: int
    metrics: str
    trained_by: str
    created_ms: int


def add(database: Database, task_name: str, model: LinearModel, metrics: str, trained_by: str) -> int:
    """Keep a trained model, and return its version."""
    with database.write() as connection:
        version = next_version(connection, ClassifierRow, task_name)
        connection.execute(
            insert(ClassifierRow).values(
                task_name=task_name,
                version=version,
                weights=model.model_dump_json(),
                metrics=metrics,
                trained_by=trained_by,
                created_ms=now_ms(),
            )
        )
    return version


def model(database: Database, task_name: str, version: int) -> LinearModel:
    """Return a version's weights. Raises NotFoundError, UsageError where another program's features made them."""
    with database.read() as connection:
        weights = connection.scalar(
            select(col(ClassifierRow.weights)).where(
                col(ClassifierRow.task_name) == task_name, col(ClassifierRow.version) == version
            )
        )
    if weights is None:
        raise NotFoundError(
            f"Task `{task_name}` has no classifier {version}.", "`cheapfirst train TASK --list` shows those it has."
        )
    try:
        return LinearModel.model_validate_json(weights)
    except ValidationError:
        raise UsageError(
            f"Classifier {version} of `{task_name}` was trained by another version of this program.",
            "Train it again: `cheapfirst train TASK`.",
        ) from None


def listing(database: Database, task_name: str) -> list[ClassifierVersion]:
    """Return every version of a task, oldest first."""
    with database.read() as connection:
        rows = connection.execute(
            select(
                col(ClassifierRow.version),
                col(ClassifierRow.metrics),
                col(ClassifierRow.trained_by),
                col(ClassifierRow.created_ms),
            )
            .where(col(ClassifierRow.task_name) == task_name)
            .order_by(col(ClassifierRow.version))
        ).mappings()
        return [ClassifierVersion(**row) for row in rows]
