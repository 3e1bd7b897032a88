"""Create the first ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first ledger."""
    op.create_table(
        "attempts",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("started_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate_wait_ms", sa.Integer(), nullable=False),
        sa.Column("limit_wait_ms", sa.Integer(), nullable=False),
        sa.Column("provider_ms", sa.Integer(), nullable=False),
        sa.Column("checks_ms", sa.Integer(), nullable=False),
        sa.Column("http_calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_input_tokens", sa.Integer(), nullable=False),
        sa.Column("tokens_estimated", sa.Boolean(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("price_source", sa.String(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("failures", sa.Text(), nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'rejected', 'provider_trouble', 'refused', 'opinion')", name="attempts_outcome"
        ),
        sa.CheckConstraint("cost_nano_usd >= 0", name="attempts_cost"),
        sa.PrimaryKeyConstraint("uid"),
    )
    op.create_index("attempts_item", "attempts", ["job_id", "position"], unique=False)
    op.create_table(
        "failure_tallies",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "tier", "check", "field"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("task_fingerprint", sa.String(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("stop_detail", sa.Text(), server_default="", nullable=False),
        sa.Column("items_total", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("items_done", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("items_failed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("budget_nano_usd", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("item_budget_nano_usd", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("reserved_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("baseline_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.CheckConstraint(
            "state IN ('submitting', 'running', 'paused', 'stopped', 'cancelled', 'done')", name="jobs_state"
        ),
        sa.CheckConstraint(
            "stop_reason IS NULL OR stop_reason IN ('budget', 'provider_refused', 'task_unusable')",
            name="jobs_stop_reason",
        ),
        sa.CheckConstraint("items_done + items_failed <= items_total", name="jobs_counts"),
        sa.CheckConstraint("reserved_nano_usd >= 0", name="jobs_reserved"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "queue_settings",
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("queue"),
    )
    op.create_table(
        "roles",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tier_tallies",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("queued", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("escalated", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("troubles", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("estimated_tokens", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "tier"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("progress_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heard_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name", "queue"),
    )
    op.create_table(
        "documents",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
        ),
        sa.PrimaryKeyConstraint("job_id", "position"),
    )
    op.create_table(
        "items",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("custom_id", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("fail_reason", sa.Text(), nullable=True),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), server_default="first_tier", nullable=False),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("available_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reserved_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("baseline_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("latency_ms", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("failures", sa.Text(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.CheckConstraint("(state = 'failed') = (fail_reason IS NOT NULL)", name="items_failed_has_reason"),
        sa.CheckConstraint(
            "fail_reason IS NULL OR fail_reason IN ('verdict', 'quarantined', 'refused', 'prompt', 'budget')",
            name="items_fail_reason",
        ),
        sa.CheckConstraint("state = 'queued' OR lease_token IS NULL", name="items_finished_has_no_lease"),
        sa.CheckConstraint("state IN ('queued', 'done', 'failed')", name="items_state"),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until_ms IS NULL)", name="items_lease"),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
        ),
        sa.PrimaryKeyConstraint("job_id", "position"),
    )
    op.create_index("items_custom_id", "items", ["job_id", "custom_id"], unique=True)
    op.create_index(
        "items_leased",
        "items",
        ["lease_token"],
        unique=False,
        sqlite_where=sa.text("lease_token IS NOT NULL"),
        postgresql_where=sa.text("lease_token IS NOT NULL"),
    )
    op.create_index(
        "items_queued",
        "items",
        ["tier", "job_id", "position"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
