"""Evidence that goes on: signals watched for drift, documents a person is to label, and the labels."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Text
from sqlmodel import Field, SQLModel

from storage.columns import big


class DriftRow(SQLModel, table=True):
    """How far a task's signals were watched (JSON), of what `basis`, and which of them have alarmed (a JSON list).

    What was called before `since_ms` says nothing of this basis. `revision` grows with every write.
    """

    __tablename__ = "drift_watches"

    task_name: str = Field(primary_key=True)
    revision: int
    basis: str = Field(sa_column=Column(Text, nullable=False))
    since_ms: int = Field(sa_column=big())
    state: str = Field(sa_column=Column(Text, nullable=False))
    alarms: str = Field(sa_column=Column(Text, nullable=False))
    changed_ms: int = Field(sa_column=big())


class AuditRow(SQLModel, table=True):
    """One time that accepted items were drawn for an audit, of those that had ended by `until_ms`."""

    __tablename__ = "audits"

    task_name: str = Field(primary_key=True)
    until_ms: int = Field(sa_column=big(primary_key=True))


class AuditPickRow(SQLModel, table=True):
    """An accepted item that was picked for an audit because it is doubtful, whatever its label turns out to be."""

    __tablename__ = "audit_picks"
    __table_args__ = (ForeignKeyConstraint(["job_id"], ["jobs.id"]),)

    job_id: int = Field(sa_column=big(primary_key=True))
    position: int = Field(sa_column=big(primary_key=True))
    picked_ms: int = Field(sa_column=big())


class AuditLabelRow(SQLModel, table=True):
    """What a person says is right for an item that was accepted (JSON)."""

    __tablename__ = "audit_labels"
    __table_args__ = (ForeignKeyConstraint(["job_id"], ["jobs.id"]),)

    job_id: int = Field(sa_column=big(primary_key=True))
    position: int = Field(sa_column=big(primary_key=True))
    expected: str = Field(sa_column=Column(Text, nullable=False))
    labelled_by: str
    labelled_ms: int = Field(sa_column=big())
