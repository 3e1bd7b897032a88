"""The statements that lease items and read their documents, put together once.

Their parameters: `b_job_id`, `b_tier`, `b_positions`, `b_lease_token`, `b_lease_ms`, `b_max_claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from storage.clock import now_ms
from storage.states import ItemState, JobState
from storage.tables import DocumentRow, Item, Job

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.dml import ReturningUpdate


def _taking(positions: ColumnElement[bool], *conditions: ColumnElement[bool]) -> ReturningUpdate[*tuple[Any, ...]]:
    """Return the statement that leases those of some positions that are free, where these conditions hold."""
    free = (
        select(col(Item.position))
        .where(
            col(Item.job_id) == bindparam("b_job_id"),
            positions,
            col(Item.state) == ItemState.QUEUED,
            col(Item.tier) == bindparam("b_tier"),
            col(Item.lease_token).is_(None),
            col(Item.available_ms) <= now_ms(),
            col(Item.claims) < bindparam("b_max_claims"),
            *conditions,
        )
        .with_for_update(skip_locked=True)
    )
    return (
        update(Item)
        .where(col(Item.job_id) == bindparam("b_job_id"), col(Item.position).in_(free))
        .values(
            claims=col(Item.claims) + 1,
            lease_token=bindparam("b_lease_token"),
            lease_until_ms=now_ms() + bindparam("b_lease_ms"),
        )
        .returning(
            col(Item.position),
            col(Item.layer),
            col(Item.cause),
            col(Item.decided),
            col(Item.carried),
            col(Item.custom_id),
            col(Item.attempts),
            col(Item.cost_nano_usd),
            col(Item.baseline_nano_usd),
            (now_ms() - col(Item.available_ms)).label("queued_ms"),
        )
    )


_DOCUMENTS: Select[*tuple[Any, ...]] = select(
    col(DocumentRow.position),
    col(DocumentRow.text),
    col(DocumentRow.document_metadata).label("metadata"),
    col(DocumentRow.pages),
).where(col(DocumentRow.job_id) == bindparam("b_job_id"))
TAKE = _taking(col(Item.position).in_(bindparam("b_positions", expanding=True)))
DOCUMENTS_OF_TAKEN = _DOCUMENTS.where(col(DocumentRow.position).in_(bindparam("b_positions", expanding=True))).order_by(
    col(DocumentRow.position)
)


def _at_once() -> Select[*tuple[Any, ...]]:
    job = select(col(Job.item_budget_nano_usd)).where(
        col(Job.id) == bindparam("b_job_id"), col(Job.state) == JobState.RUNNING, col(Job.budget_nano_usd).is_(None)
    )
    among = col(Item.position) == any_(bindparam("b_positions", type_=ARRAY(BigInteger)))
    taken = _taking(among, job.exists()).cte("taken")
    return (
        _DOCUMENTS.with_only_columns(
            *(column for column in taken.c if column.name != "position"),
            *_DOCUMENTS.selected_columns,
            job.scalar_subquery().label("item_budget"),
        )
        .where(col(DocumentRow.position) == taken.c.position)
        .order_by(col(DocumentRow.position))
    )


TAKE_AT_ONCE = _at_once()
"""Leases and reads in one statement, where the job runs and has no budget. PostgreSQL only."""
