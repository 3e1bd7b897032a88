"""What became of each kind of failure on the next tier: learned over all jobs of a task."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from routing.benefit import FixRate
from storage.router_tables import FixTally
from storage.upserting import adding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from routing.benefit import FailureKind
    from storage.database import Database
    from storage.records import FixRecord


def fix_rates(database: Database, task_name: str) -> dict[tuple[str, str], dict[FailureKind, FixRate]]:
    """Return the rates of each kind of failure, by (model that failed, model that was asked next)."""
    columns = (FixTally.model, FixTally.next_model, FixTally.check, FixTally.field, FixTally.tried, FixTally.fixed)
    found: defaultdict[tuple[str, str], dict[FailureKind, FixRate]] = defaultdict(dict)
    with database.read() as connection:
        rows = connection.execute(select(*map(col, columns)).where(col(FixTally.task_name) == task_name))
        for row in rows:
            found[row.model, row.next_model][row.check, row.field] = FixRate(row.tried, row.fixed)
    return dict(found)


_KEY = ("task_name", "model", "next_model", "check", "field")
_ADD = adding(FixTally, _KEY, amounts=("tried", "fixed"))


def add_fixes(connection: Connection, fixes: Iterable[FixRecord]) -> None:
    """Count these pairs."""
    tried: Counter[tuple[str, ...]] = Counter()
    fixed: Counter[tuple[str, ...]] = Counter()
    for fix in fixes:
        key = (fix.task_name, fix.model, fix.next_model, fix.check, fix.field)
        tried[key] += 1
        fixed[key] += fix.fixed
    if not tried:
        return
    connection.execute(
        _ADD(connection),
        [dict(zip(_KEY, key, strict=True)) | {"tried": tried[key], "fixed": fixed[key]} for key in sorted(tried)],
    )
