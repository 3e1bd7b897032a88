"""The statements that lease items and read their documents, put together once.

Their parameters: `b_job_id`, `b_tier`, `b_positions`, `b_lease_ms`, `b_max_claims`; and `b_lease_token`, or
`b_tokens`, one for each position, with commas between. What is read comes in the order of `READ`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from storage.clock import now_ms
from storage.columns import unindexed_text
from storage.states import ItemState, JobState
from storage.tables import DocumentRow, Item, Job

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Select
    from sqlalchemy.sql.dml import ReturningUpdate


READ = (
    *("job_id", "position", "tier", "cause", "lease_token", "custom_id", "text", "metadata", "pages", "attempts"),
    *("cost_nano_usd", "baseline_nano_usd", "layer", "decided", "carried", "queued_ms", "item_budget", "has_budget"),
)
"""An item as it was leased, its document, and what its job says."""


def _is_free() -> tuple[ColumnElement[bool], ...]:
    return (
        # Not by the index of all that is queued: what is wanted is few items, whose key is known.
        unindexed_text(col(Item.state)) == ItemState.QUEUED,
        unindexed_text(col(Item.tier)) == bindparam("b_tier"),
        col(Item.lease_token).is_(None),
        col(Item.available_ms) <= now_ms(),
        col(Item.claims) < bindparam("b_max_claims"),
    )


def _taking(token: ColumnElement[Any], *which: ColumnElement[bool]) -> ReturningUpdate[*tuple[Any, ...]]:
    """Return the statement that leases these items under this token."""
    return (
        update(Item)
        .where(*which)
        .values(
            claims=col(Item.claims) + 1,
            lease_token=token,
            lease_until_ms=now_ms() + bindparam("b_lease_ms"),
        )
        .returning(
            col(Item.job_id),
            col(Item.position),
            col(Item.tier),
            col(Item.lease_token),
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


RUNNING: Select[*tuple[Any, ...]] = select(
    col(Job.item_budget_nano_usd).label("item_budget"), col(Job.budget_nano_usd).is_not(None).label("has_budget")
).where(col(Job.id) == bindparam("b_job_id"), col(Job.state) == JobState.RUNNING)
"""What a claim needs to know of its job; no row where it does not run."""
_AMONG: BindParameter[Any] = bindparam("b_positions", expanding=True)
TAKE = _taking(
    bindparam("b_lease_token"), col(Item.job_id) == bindparam("b_job_id"), col(Item.position).in_(_AMONG), *_is_free()
)
"""Leases what is free. SQLite only, where there is one writer."""
_DOCUMENTS: Select[*tuple[Any, ...]] = select(
    col(DocumentRow.position),
    col(DocumentRow.text),
    col(DocumentRow.document_metadata).label("metadata"),
    col(DocumentRow.pages),
).order_by(col(DocumentRow.position))
DOCUMENTS_OF_TAKEN = _DOCUMENTS.where(
    col(DocumentRow.job_id) == bindparam("b_job_id"), col(DocumentRow.position).in_(_AMONG)
)


def _at_once() -> Select[*tuple[Any, ...]]:
    # PostgreSQL takes a job that it has not counted yet for one of a single item. Told that all are of this job, it
    # reads a job of 100 000 for each claim, or looks for the free ones anew for each of them, which takes minutes.
    # Of what is materialized it does not know the job: it looks up one item after the other by the key.
    # Written by us: the driver takes ten times as long for a list.
    positions = cast(bindparam("b_positions", type_=Text), ARRAY(BigInteger))
    tokens = func.string_to_array(bindparam("b_tokens", type_=Text), ",", type_=ARRAY(Text))
    wanted = (
        select(
            cast(bindparam("b_job_id"), BigInteger).label("job_id"),
            func.unnest(positions).label("position"),
            func.unnest(tokens).label("token"),
        )
        .cte("wanted")
        .prefix_with("MATERIALIZED")
    )
    item = (
        select(col(Item.job_id), col(Item.position))
        .where(col(Item.job_id) == wanted.c.job_id, col(Item.position) == wanted.c.position, *_is_free())
        .limit(1)
        .with_for_update(skip_locked=True)
        .lateral("item")
    )
    free = (
        select(item, wanted.c.token)
        .select_from(wanted.join(item, RUNNING.exists()))
        .cte("free")
        .prefix_with("MATERIALIZED")
    )
    taken = _taking(free.c.token, col(Item.job_id) == free.c.job_id, col(Item.position) == free.c.position).cte("taken")
    read: dict[str, ColumnElement[Any]] = {column.name: column for column in _DOCUMENTS.selected_columns}
    for column in RUNNING.selected_columns:
        read[column.name] = RUNNING.with_only_columns(column).scalar_subquery().label(column.name)
    read |= {column.name: column for column in taken.c}
    return _DOCUMENTS.with_only_columns(*(read[name] for name in READ)).where(
        col(DocumentRow.job_id) == taken.c.job_id, col(DocumentRow.position) == taken.c.position
    )


TAKE_AT_ONCE = _at_once()
"""Leases what is free, and reads it and what its job says, in one statement. PostgreSQL only."""
