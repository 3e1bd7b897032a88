"""Answers kept to be given again: exact results, each under a key of everything that determined it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlmodel import col

from storage.clock import now_ms
from storage.router_tables import CachedAnswerRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Connection

    from storage.database import Database

_PAGE = 500
_ROW_BYTES = 200
"""About what a row takes beside its texts."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """One answer as a model gave it. `logprobs` is a JSON text of [token, logarithm] pairs.

    `max_age_ms` is set by who keeps it; `age_ms` is how old it was when it was found.
    """

    key: str
    task_name: str
    answer: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool
    logprobs: str | None
    max_age_ms: int = 0
    age_ms: int = 0


_STORED = [name for name in CachedAnswer.__dataclass_fields__ if name not in {"max_age_ms", "age_ms"}]


def find(database: Database, keys: Collection[str]) -> dict[str, CachedAnswer]:
    """Return what is kept under these keys and not too old for who kept it."""
    columns = [col(getattr(CachedAnswerRow, name)) for name in _STORED]
    age_ms = (now_ms() - col(CachedAnswerRow.stored_ms)).label("age_ms")
    found = {}
    wanted = list(keys)
    with database.read() as connection:
        for start in range(0, len(wanted), _PAGE):
            rows = connection.execute(
                select(*columns, age_ms).where(
                    col(CachedAnswerRow.key).in_(wanted[start : start + _PAGE]),
                    col(CachedAnswerRow.expires_ms) > now_ms(),
                )
            ).mappings()
            for row in rows:
                values = dict(row) | {"tokens_estimated": bool(row["tokens_estimated"])}
                found[row["key"]] = CachedAnswer(**values)
    return found


def keep(database: Database, connection: Connection, answers: Iterable[CachedAnswer]) -> None:
    """Keep these answers, each in the place of what stood under its key."""
    by_key = {answer.key: answer for answer in answers}
    if not by_key:
        return
    statement = database.insert(CachedAnswerRow)
    replaced = (
        *("answer", "finish_reason", "input_tokens", "output_tokens", "tokens_estimated", "logprobs"),
        *("size_bytes", "stored_ms", "expires_ms"),
    )
    now = connection.scalar(select(now_ms())) or 0
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["key"], set_={name: statement.excluded[name] for name in replaced}
        ),
        [_row(by_key[key], now) for key in sorted(by_key)],
    )


def _row(answer: CachedAnswer, now: int) -> dict[str, object]:
    row = {name: getattr(answer, name) for name in _STORED}
    size = _ROW_BYTES + len(answer.answer.encode()) + len(answer.logprobs or "")
    return row | {"size_bytes": size, "stored_ms": now, "expires_ms": now + answer.max_age_ms}


def drop_expired(database: Database) -> int:
    """Delete what is too old; return how many answers that were."""
    with database.write() as connection:
        return connection.execute(delete(CachedAnswerRow).where(col(CachedAnswerRow.expires_ms) <= now_ms())).rowcount


def drop_beyond(database: Database, task_name: str, max_bytes: int) -> int:
    """Delete the oldest answers of a task until the rest takes no more than this; return how many answers that were."""
    size = func.sum(col(CachedAnswerRow.size_bytes)).over(
        order_by=(col(CachedAnswerRow.stored_ms).desc(), col(CachedAnswerRow.key))
    )
    newest_first = (
        select(col(CachedAnswerRow.key), size.label("with_newer"))
        .where(col(CachedAnswerRow.task_name) == task_name)
        .subquery()
    )
    beyond = select(newest_first.c.key).where(newest_first.c.with_newer > max_bytes)
    with database.write() as connection:
        return connection.execute(delete(CachedAnswerRow).where(col(CachedAnswerRow.key).in_(beyond))).rowcount


def size_bytes(database: Database, task_name: str) -> int:
    """Return about how many bytes the kept answers of a task take."""
    with database.read() as connection:
        total = select(func.sum(col(CachedAnswerRow.size_bytes))).where(col(CachedAnswerRow.task_name) == task_name)
        return int(connection.scalar(total) or 0)
