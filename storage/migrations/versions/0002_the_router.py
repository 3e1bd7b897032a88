"""Add what the router needs: decisions, rollouts, classifiers, kept answers and daily spending."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STOP_REASONS = "'budget', 'provider_refused', 'day_budget', 'escalations', 'task_unusable'"


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)


def upgrade() -> None:
    """Add the router's tables and columns."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("jobs_stop_reason", type_="check")
        jobs.create_check_constraint("jobs_stop_reason", f"stop_reason IS NULL OR stop_reason IN ({_STOP_REASONS})")
    op.create_table(
        "cached_answers",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("cached_answers_age", "cached_answers", ["task_name", "created_ms"], unique=False)
    op.create_table(
        "canary_tallies",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("passed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_squares", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("task_name", "revision", "arm"),
    )
    op.create_table(
        "classifiers",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("trained_by", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_name", "version"),
    )
    op.create_table(
        "decisions",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("threshold_source", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("canary", sa.Boolean(), nullable=False),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("signals", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid"),
    )
    op.create_index("decisions_item", "decisions", ["job_id", "position"], unique=False)
    op.create_table(
        "fix_tallies",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("next_model", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("tried", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("fixed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_name", "tier", "next_model", "check", "field"),
    )
    op.create_table(
        "rollouts",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_name", "revision"),
    )
    op.create_table(
        "spending_days",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("reserved_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.CheckConstraint("reserved_nano_usd >= 0", name="spending_days_reserved"),
        sa.PrimaryKeyConstraint("day"),
    )
    op.add_column(
        "attempts", sa.Column("queued_ms", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.add_column("attempts", sa.Column("asked", sa.String(), server_default="whole", nullable=False))
    op.add_column("attempts", sa.Column("canary", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("attempts", sa.Column("holdout", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("attempts", sa.Column("cached", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "attempts",
        sa.Column("saved_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
    )
    op.add_column("items", sa.Column("layer", sa.String(), server_default="default", nullable=False))
    op.add_column("items", sa.Column("decided", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("items", sa.Column("carried", sa.Text(), nullable=True))
    op.add_column("items", sa.Column("needs_review", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("items", sa.Column("reserved_day", sa.String(), nullable=True))
    op.add_column(
        "tier_tallies", sa.Column("routed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.add_column(
        "tier_tallies", sa.Column("reviewed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.add_column(
        "tier_tallies", sa.Column("cached", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.add_column(
        "tier_tallies",
        sa.Column("saved_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
    )
