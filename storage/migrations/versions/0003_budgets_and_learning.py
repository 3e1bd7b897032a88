"""Add the spending of each day, and what the richer escalation, canaries and the cache keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STOP_REASONS = "'budget', 'day_budget', 'provider_refused', 'escalations', 'task_unusable'"
_FAIL_REASONS = "'verdict', 'quarantined', 'refused', 'prompt', 'budget', 'abandoned'"

_OUTCOMES = "'accepted', 'rejected', 'provider_trouble', 'refused', 'prediction', 'opinion'"


def upgrade() -> None:
    """Add the tables and columns."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("jobs_stop_reason", type_="check")
        jobs.create_check_constraint("jobs_stop_reason", f"stop_reason IS NULL OR stop_reason IN ({_STOP_REASONS})")
        jobs.add_column(sa.Column("stopped_ms", sa.BigInteger(), autoincrement=False, nullable=True))
    op.create_table(
        "spending_days",
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "fix_tallies",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("next_model", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("tried", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("fixed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_name", "model", "next_model", "check", "field"),
    )
    with op.batch_alter_table("items") as items:
        items.drop_constraint("items_fail_reason", type_="check")
        items.create_check_constraint("items_fail_reason", f"fail_reason IS NULL OR fail_reason IN ({_FAIL_REASONS})")
        items.add_column(sa.Column("needs_review", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "tier_tallies", sa.Column("review", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.create_table(
        "cached_answers",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("tokens_estimated", sa.Boolean(), nullable=False),
        sa.Column("logprobs", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stored_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("cached_answers_age", "cached_answers", ["task_name", "stored_ms"], unique=False)
    op.create_index("cached_answers_expiry", "cached_answers", ["expires_ms"], unique=False)
    for table, column in (
        ("jobs", "cache_saved_nano_usd"),
        ("attempts", "saved_nano_usd"),
        ("tier_tallies", "cache_hits"),
    ):
        op.add_column(
            table, sa.Column(column, sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
        )
    op.add_column("attempts", sa.Column("cache_hit", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_constraint("attempts_outcome", type_="check")
        attempts.create_check_constraint("attempts_outcome", f"outcome IN ({_OUTCOMES})")
    op.create_table(
        "canary_tallies",
        sa.Column("task_name", sa.String(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("canary", sa.Boolean(), nullable=False),
        sa.Column("items", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("passed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False),
        sa.Column("cost_squared", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("task_name", "since", "canary"),
    )
