"""What a record makes of its item's row: its state, where it waits, and what it has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Text, bindparam, case, func, or_, select, tuple_, update
from sqlmodel import col

from routing.decision import Cause, Layer
from storage.clock import now_ms
from storage.records import BRINGS_NOTHING, ENDS, Accepted, Escalated, Failed, HeldOut, Measured, Released, Routed
from storage.recordset import recordset, written
from storage.states import ItemState
from storage.tables import Item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Update
    from sqlalchemy.sql.base import ReadOnlyColumnCollection
    from sqlalchemy.sql.dml import ReturningUpdate
    from sqlalchemy.sql.elements import KeyedColumnElement
    from sqlalchemy.types import TypeEngine

    from storage.records import ClaimKey, ItemRecord, Next

_FINISH_TYPES: dict[str, TypeEngine[Any]] = {
    "job_id": BigInteger(),
    "position": BigInteger(),
    "state": Text(),
    "fail_reason": Text(),
    "tier": Text(),
    "layer": Text(),
    "cause": Text(),
    "decided": Boolean(),
    "carried": Text(),
    "clean": Boolean(),
    "delay_ms": BigInteger(),
    "attempts": BigInteger(),
    "cost": BigInteger(),
    "baseline": BigInteger(),
    "latency_ms": BigInteger(),
    "output": Text(),
    "needs_review": Boolean(),
    "failures": Text(),
    "finished": Boolean(),
    "keep_output": Boolean(),
}


def _finish(given: Mapping[str, ColumnElement[Any]] | ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]) -> Update:
    """Return the statement that says what came of an item: of each that is given, in columns or in parameters."""
    return (
        update(Item)
        .where(col(Item.job_id) == given["job_id"], col(Item.position) == given["position"])
        .values(
            state=given["state"],
            fail_reason=given["fail_reason"],
            tier=given["tier"],
            layer=func.coalesce(given["layer"], col(Item.layer)),
            cause=func.coalesce(given["cause"], col(Item.cause)),
            decided=or_(col(Item.decided), given["decided"]),
            carried=given["carried"],
            claims=case((given["clean"], 0), else_=col(Item.claims) - 1),
            lease_token=None,
            lease_until_ms=None,
            available_ms=now_ms() + given["delay_ms"],
            reserved_nano_usd=0,
            attempts=col(Item.attempts) + given["attempts"],
            cost_nano_usd=col(Item.cost_nano_usd) + given["cost"],
            baseline_nano_usd=given["baseline"],
            latency_ms=col(Item.latency_ms) + given["latency_ms"],
            needs_review=or_(col(Item.needs_review), given["needs_review"]),
            output=case((given["keep_output"], col(Item.output)), else_=given["output"]),
            failures=case((given["keep_output"], col(Item.failures)), else_=given["failures"]),
            finished_ms=case((given["finished"], now_ms()), else_=None),
        )
    )


_FINISH = _finish({name: bindparam(f"b_{name}", type_=kind) for name, kind in _FINISH_TYPES.items()})
_HELD = select(col(Item.job_id), col(Item.position), col(Item.lease_token), col(Item.reserved_nano_usd))


def _finish_held() -> ReturningUpdate[int, int, str, int]:
    # As where items are taken (`storage/taking.py`): looked up one by one, or PostgreSQL would read all of a few
    # thousand items for each group. What is reserved changes under a lease only before the call, so that it may be
    # read beside the update.
    given = recordset({**_FINISH_TYPES, "lease_token": Text()})
    item = (
        select(col(Item.lease_token), col(Item.reserved_nano_usd))
        .where(col(Item.job_id) == given.c.job_id, col(Item.position) == given.c.position)
        .limit(1)
        .lateral("item")
    )
    held = (
        select(given, item.c.reserved_nano_usd)
        .select_from(given.join(item, item.c.lease_token == given.c.lease_token))
        .cte("held")
        .prefix_with("MATERIALIZED")
    )
    return (
        _finish(held.c)
        .where(col(Item.lease_token) == held.c.lease_token)
        .returning(col(Item.job_id), col(Item.position), held.c.lease_token, held.c.reserved_nano_usd)
    )


_FINISH_HELD = _finish_held()


def change_items(connection: Connection, records: Sequence[ItemRecord]) -> dict[ClaimKey, int]:
    """Write what came of them into the rows of those items whose lease is still the one they were claimed under.

    Items are locked in the order of their keys. Return what was reserved for each of these claims.
    """
    if connection.dialect.name == "sqlite":
        return _change_one_by_one(connection, records)
    in_order = sorted(records, key=lambda record: record.claim_key)
    values = [_item_values(record) | {"lease_token": record.lease_token} for record in in_order]
    rows = connection.execute(_FINISH_HELD, written(values)).all()
    return {(job_id, position, token): reserved for job_id, position, token, reserved in rows}


def _change_one_by_one(connection: Connection, records: Sequence[ItemRecord]) -> dict[ClaimKey, int]:
    keys = sorted({record.key for record in records})
    rows = connection.execute(_HELD.where(tuple_(col(Item.job_id), col(Item.position)).in_(keys))).all()
    found = {(job_id, position, token): reserved for job_id, position, token, reserved in rows}
    held = {record.claim_key: found[record.claim_key] for record in records if record.claim_key in found}
    values = [_item_values(record) for record in records if record.claim_key in held]
    if values:
        connection.execute(_FINISH, [{f"b_{name}": value for name, value in row.items()} for row in values])
    return held


def _item_values(record: ItemRecord) -> dict[str, object]:
    values: dict[str, object] = {
        "job_id": record.job_id,
        "position": record.position,
        "state": ItemState.QUEUED,
        "fail_reason": None,
        "tier": record.tier,
        "layer": record.layer,
        "cause": record.cause,
        "decided": record.decided,
        "carried": None,
        "clean": True,
        "delay_ms": 0,
        "attempts": len(record.attempts),
        "cost": record.cost_nano_usd,
        "baseline": record.baseline_nano_usd,
        "latency_ms": record.latency_ms,
        "output": None,
        "needs_review": False,
        "failures": None,
        "finished": isinstance(record.next, ENDS),
        "keep_output": _keeps_output(record.next),
    }
    values.update(_next_values(record.next))
    return values


def _keeps_output(following: Next) -> bool:
    """Tell whether this turn brought nothing that takes the place of what the item has."""
    if isinstance(following, Failed):
        return following.output is None and following.failures == "[]"
    return isinstance(following, BRINGS_NOTHING)


def _next_values(following: Next) -> dict[str, object]:
    match following:
        case Accepted() | Failed() | Measured():
            return _ended(following)
        case Routed() | Escalated() | HeldOut():
            return _handed_on(following)
        case Released():
            return {"delay_ms": following.delay_ms, "clean": following.clean, "carried": following.carried}


def _ended(following: Accepted | Failed | Measured) -> dict[str, object]:
    match following:
        case Accepted():
            return {
                "state": ItemState.DONE,
                "output": following.output,
                "needs_review": following.needs_review,
                "failures": following.failures,
            }
        case Failed():
            return {
                "state": ItemState.FAILED,
                "fail_reason": following.reason,
                "output": following.output,
                "failures": following.failures,
            }
        case Measured():
            return {"state": ItemState.DONE, "tier": following.tier}


def _handed_on(following: Routed | Escalated | HeldOut) -> dict[str, object]:
    match following:
        case Routed():
            return {"tier": following.tier, "layer": following.layer, "cause": following.cause}
        case Escalated():
            return {
                "tier": following.tier,
                "layer": Layer.ESCALATION,
                "cause": following.cause,
                "carried": following.carried,
                "output": following.output,
                "failures": following.failures,
            }
        case HeldOut():
            return {
                "tier": following.tier,
                "layer": Layer.HOLDOUT,
                "cause": Cause.HOLDOUT,
                "output": following.output,
                "carried": following.carried,
            }
