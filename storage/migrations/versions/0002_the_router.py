"""Add what the router needs: decisions, rollouts and classifiers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STOP_REASONS = "'budget', 'provider_refused', 'escalations', 'task_unusable'"


def upgrade() -> None:
    """Add the router's tables and columns."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("jobs_stop_reason", type_="check")
        jobs.create_check_constraint("jobs_stop_reason", f"stop_reason IS NULL OR stop_reason IN ({_STOP_REASONS})")
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
    op.add_column(
        "attempts", sa.Column("queued_ms", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    op.add_column("attempts", sa.Column("canary", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("attempts", sa.Column("holdout", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("items", sa.Column("layer", sa.String(), server_default="default", nullable=False))
    op.add_column("items", sa.Column("decided", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("items", sa.Column("carried", sa.Text(), nullable=True))
    op.add_column(
        "tier_tallies", sa.Column("routed", sa.BigInteger(), server_default="0", autoincrement=False, nullable=False)
    )
    # What was escalated already has its tier; the rest is routed when it is claimed.
    op.execute(sa.text("UPDATE items SET decided = true, layer = 'escalation' WHERE cause <> 'first_tier'"))
