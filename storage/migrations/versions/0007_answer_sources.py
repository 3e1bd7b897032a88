"""Add what answered a call in a provider's place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Of the calls there are nobody knows any more: they count as a provider's."""
    op.add_column("attempts", sa.Column("answered_by", sa.String(), nullable=True))
