"""What was measured on labelled documents: evaluations, and the thresholds derived from a quality target."""

from __future__ import annotations

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from storage.columns import big


class EvaluationRow(SQLModel, table=True):
    """One evaluation of a task. `jobs` maps each path to the job that ran it, `result` is what was found (JSON)."""

    __tablename__ = "evaluations"
    __table_args__ = (Index("evaluations_task", "task_name", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    task_name: str
    jobs: str = Field(sa_column=Column(Text, nullable=False))
    result: str = Field(sa_column=Column(Text, nullable=False))
    made_by: str
    created_ms: int = Field(sa_column=big())


class CalibrationRow(SQLModel, table=True):
    """One version of a task's thresholds (JSON; null where the target could not be met), and what they rest on (JSON).

    Rows are only ever added; which one is active is part of the task's rollout.
    """

    __tablename__ = "calibrations"

    task_name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    thresholds: str | None = Field(default=None, sa_column=Column(Text))
    result: str = Field(sa_column=Column(Text, nullable=False))
    made_by: str
    created_ms: int = Field(sa_column=big())
