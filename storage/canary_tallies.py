"""How a canary and the usual model of its tier have done, since the canary was set."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from routing.canary_conditions import Arm
from storage.router_tables import CanaryTally
from storage.upserting import adding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from storage.database import Database
    from storage.records import CanaryOutcome

_NOTHING = Arm(0, 0, 0, 0)


def canary_arms(database: Database, task_name: str, since: int) -> tuple[Arm, Arm]:
    """Return what became of the canary's items and of the usual model's, since this revision."""
    with database.read() as connection:
        rows = connection.execute(
            select(
                col(CanaryTally.canary),
                col(CanaryTally.items),
                col(CanaryTally.passed),
                col(CanaryTally.cost_nano_usd),
                col(CanaryTally.cost_squared),
            ).where(col(CanaryTally.task_name) == task_name, col(CanaryTally.since) == since)
        )
        arms = {bool(row.canary): Arm(row.items, row.passed, row.cost_nano_usd, row.cost_squared) for row in rows}
    return arms.get(True, _NOTHING), arms.get(False, _NOTHING)


_ADD = adding(
    CanaryTally, key=("task_name", "since", "canary"), amounts=("items", "passed", "cost_nano_usd", "cost_squared")
)


def add_canary_outcomes(connection: Connection, outcomes: Iterable[CanaryOutcome]) -> None:
    """Count these outcomes, each in its arm."""
    tallies: defaultdict[tuple[str, int, bool], Counter[str]] = defaultdict(Counter)
    squares: defaultdict[tuple[str, int, bool], float] = defaultdict(float)
    for outcome in outcomes:
        key = (outcome.task_name, outcome.since, outcome.canary)
        tallies[key].update(items=1, passed=int(outcome.passed), cost_nano_usd=outcome.cost_nano_usd)
        squares[key] += float(outcome.cost_nano_usd) ** 2
    if not tallies:
        return
    connection.execute(
        _ADD(connection),
        [
            {
                "task_name": key[0],
                "since": key[1],
                "canary": key[2],
                "items": tallies[key]["items"],
                "passed": tallies[key]["passed"],
                "cost_nano_usd": tallies[key]["cost_nano_usd"],
                "cost_squared": squares[key],
            }
            for key in sorted(tallies)
        ],
    )
