"""The router's tables: what it decided, how its rollouts stand, and what it has learned."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from storage.columns import big


class DecisionRow(SQLModel, table=True):
    """One decision of the router about one item. Rows are only ever added; `uid` is made as an attempt's is.

    `signals` is a JSON object of numbers, flags and texts that stand in the task file; never text of an item.
    """

    __tablename__ = "decisions"
    __table_args__ = (Index("decisions_item", "job_id", "position"),)

    uid: UUID = Field(primary_key=True)
    job_id: int = Field(sa_column=big())
    position: int = Field(sa_column=big())
    decided_ms: int = Field(sa_column=big())
    tier: str
    model: str
    layer: str
    cause: str
    rule: str
    probability: float | None = None
    threshold: float | None = None
    threshold_source: str | None = None
    version: str
    canary: bool
    holdout: bool
    signals: str = Field(sa_column=Column(Text, nullable=False))


class RolloutRow(SQLModel, table=True):
    """One revision of a task's rollout (JSON), with who changed it, what they did and why. Rows are only ever added."""

    __tablename__ = "rollouts"

    task_name: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    action: str
    state: str = Field(sa_column=Column(Text, nullable=False))
    changed_by: str
    reason: str
    changed_ms: int = Field(sa_column=big())


class CanaryTally(SQLModel, table=True):
    """What became of a canary's items, and of those its tier's usual model got meanwhile. Cost is that of the tier.

    `since` is the revision of the rollout that set the canary.
    """

    __tablename__ = "canary_tallies"

    task_name: str = Field(primary_key=True)
    since: int = Field(primary_key=True)
    canary: bool = Field(primary_key=True)
    items: int = Field(sa_column=big(default=0))
    passed: int = Field(sa_column=big(default=0))
    cost_nano_usd: int = Field(sa_column=big(default=0))
    cost_squared: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})


class FixTally(SQLModel, table=True):
    """How often a kind of failure of a model was tried on the next tier's, and was gone there, over all jobs of a task.

    List positions in `field` read `[*]`.
    """

    __tablename__ = "fix_tallies"

    task_name: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    next_model: str = Field(primary_key=True)
    check: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    tried: int = Field(sa_column=big(default=0))
    fixed: int = Field(sa_column=big(default=0))


class CachedAnswerRow(SQLModel, table=True):
    """An answer that may be given again, under a digest of everything that determined it. `logprobs` is JSON."""

    __tablename__ = "cached_answers"
    __table_args__ = (
        Index("cached_answers_age", "task_name", "stored_ms"),
        Index("cached_answers_expiry", "expires_ms"),
    )

    key: str = Field(primary_key=True)
    task_name: str
    answer: str = Field(sa_column=Column(Text, nullable=False))
    finish_reason: str
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool
    logprobs: str | None = Field(default=None, sa_column=Column(Text))
    size_bytes: int = Field(sa_column=big())
    stored_ms: int = Field(sa_column=big())
    expires_ms: int = Field(sa_column=big())


class ClassifierRow(SQLModel, table=True):
    """One trained version of a task's classifier: its weights, and how it did on outcomes kept from it (JSON)."""

    __tablename__ = "classifiers"

    task_name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    weights: str = Field(sa_column=Column(Text, nullable=False))
    metrics: str = Field(sa_column=Column(Text, nullable=False))
    trained_by: str
    created_ms: int = Field(sa_column=big())
