"""The ledger's tables. Times are milliseconds since 1970 by the database's clock, money is nano-dollars.

An item is named by its job and its position in it, so that a message of ids is short and a submit that is repeated
writes the same rows. Documents stand apart from items: an item's row changes often and stays small.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Text, false, text
from sqlmodel import Field, SQLModel, col

from storage.columns import big, one_of
from storage.states import AttemptOutcome, FailReason, ItemState, JobState, StopReason


class Job(SQLModel, table=True):
    """One submission of many items to one task. Its counts are kept by the transactions that change its items.

    `stopped_ms` is when it was stopped last, and stays when it is let go on.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("state", JobState), name="jobs_state"),
        CheckConstraint(f"stop_reason IS NULL OR {one_of('stop_reason', StopReason)}", name="jobs_stop_reason"),
        CheckConstraint("items_done + items_failed <= items_total", name="jobs_counts"),
        CheckConstraint("reserved_nano_usd >= 0", name="jobs_reserved"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    task_name: str
    task_fingerprint: str
    task: str = Field(sa_column=Column(Text, nullable=False))
    content_hash: str
    state: JobState = Field(sa_column=Column(Text, nullable=False))
    stop_reason: StopReason | None = Field(default=None, sa_column=Column(Text))
    stop_detail: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    items_total: int = Field(sa_column=big())
    items_done: int = Field(default=0, sa_column=big(default=0))
    items_failed: int = Field(default=0, sa_column=big(default=0))
    budget_nano_usd: int | None = Field(default=None, sa_column=big(nullable=True))
    item_budget_nano_usd: int | None = Field(default=None, sa_column=big(nullable=True))
    reserved_nano_usd: int = Field(default=0, sa_column=big(default=0))
    cost_nano_usd: int = Field(default=0, sa_column=big(default=0))
    baseline_nano_usd: int = Field(default=0, sa_column=big(default=0))
    cache_saved_nano_usd: int = Field(default=0, sa_column=big(default=0))
    created_ms: int = Field(sa_column=big())
    finished_ms: int | None = Field(default=None, sa_column=big(nullable=True))
    stopped_ms: int | None = Field(default=None, sa_column=big(nullable=True))


def _of_a_job() -> ForeignKeyConstraint:
    """Return the key of items and documents to their job, on SQLite.

    PostgreSQL would look up the job for each row, which is half of what writing a row costs there. It is not needed:
    whoever adds rows holds their job's lock, and jobs are never deleted.
    """
    key = ForeignKeyConstraint(["job_id"], ["jobs.id"])
    key.ddl_if(dialect="sqlite")
    return key


class Item(SQLModel, table=True):
    """One document in a job, as the engine sees it. In flight where `lease_until_ms` lies ahead.

    `decided` tells that the router has chosen its first tier; `layer` and `cause` say why it is in this one. `carried`
    is what an earlier turn hands to the next (JSON).
    """

    __tablename__ = "items"
    __table_args__ = (
        _of_a_job(),
        CheckConstraint(one_of("state", ItemState), name="items_state"),
        CheckConstraint(f"fail_reason IS NULL OR {one_of('fail_reason', FailReason)}", name="items_fail_reason"),
        CheckConstraint("(state = 'failed') = (fail_reason IS NOT NULL)", name="items_failed_has_reason"),
        CheckConstraint("(lease_token IS NULL) = (lease_until_ms IS NULL)", name="items_lease"),
        CheckConstraint("state = 'queued' OR lease_token IS NULL", name="items_finished_has_no_lease"),
        Index("items_custom_id", "job_id", "custom_id", unique=True),
        Index(
            "items_queued",
            "tier",
            "job_id",
            "position",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "items_leased",
            "lease_token",
            sqlite_where=text("lease_token IS NOT NULL"),
            postgresql_where=text("lease_token IS NOT NULL"),
        ),
    )

    job_id: int = Field(sa_column=big(primary_key=True))
    position: int = Field(sa_column=big(primary_key=True))
    custom_id: str
    state: ItemState = Field(sa_column=Column(Text, nullable=False, server_default=ItemState.QUEUED))
    fail_reason: FailReason | None = Field(default=None, sa_column=Column(Text))
    tier: str
    cause: str = Field(default="first_tier", sa_column_kwargs={"server_default": "first_tier"})
    layer: str = Field(default="default", sa_column_kwargs={"server_default": "default"})
    decided: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    carried: str | None = Field(default=None, sa_column=Column(Text))
    claims: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    lease_token: str | None = None
    lease_until_ms: int | None = Field(default=None, sa_column=big(nullable=True))
    available_ms: int = Field(sa_column=big())
    reserved_nano_usd: int = Field(default=0, sa_column=big(default=0))
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    cost_nano_usd: int = Field(default=0, sa_column=big(default=0))
    baseline_nano_usd: int = Field(default=0, sa_column=big(default=0))
    latency_ms: int = Field(default=0, sa_column=big(default=0))
    needs_review: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    output: str | None = Field(default=None, sa_column=Column(Text))
    failures: str | None = Field(default=None, sa_column=Column(Text))
    finished_ms: int | None = Field(default=None, sa_column=big(nullable=True))


class DocumentRow(SQLModel, table=True):
    """What an item is about: its text, and the metadata and labels the user gave with it (JSON)."""

    __tablename__ = "documents"
    __table_args__ = (_of_a_job(),)

    job_id: int = Field(sa_column=big(primary_key=True))
    position: int = Field(sa_column=big(primary_key=True))
    text: str = Field(sa_column=Column(Text, nullable=False))
    # SQLModel keeps the attribute name `metadata` for itself.
    document_metadata: str = Field(sa_column=Column("metadata", Text, nullable=False))
    expected: str | None = Field(default=None, sa_column=Column(Text))
    pages: int | None = None


WITH_DOCUMENT = (col(DocumentRow.job_id) == col(Item.job_id)) & (col(DocumentRow.position) == col(Item.position))
"""How an item meets its document in a join."""


class Attempt(SQLModel, table=True):
    """One model call for one item. Rows are only ever added.

    No foreign key: each row would lock its job's, the one row that every commit changes.

    `uid` is made by the worker before it writes, so that a commit of unknown outcome can be repeated. A `cache_hit` was
    answered from the cache, at no cost; `saved_nano_usd` is what the call would have cost. `answered_by` is the
    `AnswerSource` that answered in a provider's place, null for a provider.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(one_of("outcome", AttemptOutcome), name="attempts_outcome"),
        CheckConstraint("cost_nano_usd >= 0", name="attempts_cost"),
        Index("attempts_item", "job_id", "position"),
    )

    uid: UUID = Field(primary_key=True)
    job_id: int = Field(sa_column=big())
    position: int = Field(sa_column=big())
    tier: str
    model: str
    layer: str
    cause: str
    outcome: AttemptOutcome = Field(sa_column=Column(Text, nullable=False))
    trouble: str | None = None
    started_ms: int = Field(sa_column=big())
    gate_wait_ms: int
    limit_wait_ms: int
    provider_ms: int
    checks_ms: int
    http_calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    tokens_estimated: bool
    cost_nano_usd: int = Field(sa_column=big())
    price_source: str
    finish_reason: str | None = None
    answer: str | None = Field(default=None, sa_column=Column(Text))
    failures: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    spans: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    confidence: float | None = None
    repaired: bool = False
    queued_ms: int = Field(default=0, sa_column=big(default=0))
    canary: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    holdout: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    cache_hit: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    saved_nano_usd: int = Field(default=0, sa_column=big(default=0))
    answered_by: str | None = None


class TierTally(SQLModel, table=True):
    """What one tier has done for one job so far. `queued` counts its items that wait or are in flight.

    `routed` left it for another tier before any call. Of what it `accepted`, `review` needs a person's look.
    """

    __tablename__ = "tier_tallies"

    job_id: int = Field(sa_column=big(primary_key=True))
    tier: str = Field(primary_key=True)
    rank: int
    queued: int = Field(default=0, sa_column=big(default=0))
    attempts: int = Field(default=0, sa_column=big(default=0))
    accepted: int = Field(default=0, sa_column=big(default=0))
    escalated: int = Field(default=0, sa_column=big(default=0))
    failed: int = Field(default=0, sa_column=big(default=0))
    routed: int = Field(default=0, sa_column=big(default=0))
    review: int = Field(default=0, sa_column=big(default=0))
    troubles: int = Field(default=0, sa_column=big(default=0))
    cache_hits: int = Field(default=0, sa_column=big(default=0))
    input_tokens: int = Field(default=0, sa_column=big(default=0))
    output_tokens: int = Field(default=0, sa_column=big(default=0))
    estimated_tokens: int = Field(default=0, sa_column=big(default=0))
    cost_nano_usd: int = Field(default=0, sa_column=big(default=0))


class FailureTally(SQLModel, table=True):
    """How often a check failed on a field in a tier of a job. List positions in `field` read `[*]`."""

    __tablename__ = "failure_tallies"

    job_id: int = Field(sa_column=big(primary_key=True))
    tier: str = Field(primary_key=True)
    check: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    count: int = Field(default=0, sa_column=big(default=0))


class SpendingDay(SQLModel, table=True):
    """What all jobs together have spent on one day (UTC), `day` counting from 1970-01-01."""

    __tablename__ = "spending_days"

    day: int = Field(sa_column=big(primary_key=True))
    cost_nano_usd: int = Field(default=0, sa_column=big(default=0))


class WorkerRow(SQLModel, table=True):
    """What a worker process last said of itself. `progress_ms` is when it last claimed or recorded something."""

    __tablename__ = "workers"

    name: str = Field(primary_key=True)
    queue: str = Field(primary_key=True)
    concurrency: int
    in_flight: int
    blocked: bool
    progress_ms: int = Field(sa_column=big())
    heard_ms: int = Field(sa_column=big())


class QueueSetting(SQLModel, table=True):
    """The concurrency a person set for a queue while it runs. `revision` grows with every change."""

    __tablename__ = "queue_settings"

    queue: str = Field(primary_key=True)
    concurrency: int
    revision: int


class Role(SQLModel, table=True):
    """A duty that one process holds at a time, until its lease runs out."""

    __tablename__ = "roles"

    name: str = Field(primary_key=True)
    holder: str
    until_ms: int = Field(sa_column=big())
