"""Claims that are asked for while another one is under way wait for it, and then go together, in one statement.

What a claim costs the worker and PostgreSQL is mostly the statement, however few items it takes. Chunks end together,
when the recorder has written what they waited for, and the next ones are claimed in the same moment.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import claims

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.claims import Claim
    from storage.database import Database

MOST_ITEMS = 500
"""So many items go together at most, but for a chunk that is larger: their documents come all at once."""


@dataclass(slots=True)
class _Asked:
    """A chunk that is to be claimed, and what came of it: its claim, None, or the error of the statement."""

    positions: Sequence[int]
    token: str
    is_answered: bool = False
    claim: Claim | None = None
    error: Exception | None = None


class JointClaims:
    """Claims chunks for the threads of a process, each of which waits for its own."""

    def __init__(self, database: Database, lease_ms: int, *, has_day_budget: bool) -> None:
        self._database = database
        self._lease_ms = lease_ms
        self._has_day_budget = has_day_budget
        self._waiting: dict[tuple[int, str], list[_Asked]] = {}
        self._lock = threading.Lock()
        self._claiming = threading.Lock()

    def claim(self, job_id: int, tier: str, positions: Sequence[int], token: str) -> Claim | None:
        """Return what was free of a chunk, None where nothing was. Raises as `storage.claims.claim_chunks` does."""
        asked = _Asked(positions, token)
        with self._lock:
            self._waiting.setdefault((job_id, tier), []).append(asked)
        with self._claiming:
            if not asked.is_answered:  # else it went with one that was asked for before
                self._answer(job_id, tier, self._next_group(job_id, tier, asked))
        if asked.error is not None:
            raise asked.error
        return asked.claim

    def _next_group(self, job_id: int, tier: str, first: _Asked) -> list[_Asked]:
        """Take a chunk off the list of those that wait, and with it as many of its kind as may go together."""
        with self._lock:
            waiting = self._waiting.pop((job_id, tier))
            waiting.remove(first)
            group, items = [first], len(first.positions)
            while waiting and items + len(waiting[0].positions) <= MOST_ITEMS:
                group.append(waiting.pop(0))
                items += len(group[-1].positions)
            if waiting:
                self._waiting[job_id, tier] = waiting
        return group

    def _answer(self, job_id: int, tier: str, group: Sequence[_Asked]) -> None:
        try:
            found = claims.claim_chunks(
                self._database,
                job_id=job_id,
                tier=tier,
                chunks={asked.token: asked.positions for asked in group},
                lease_ms=self._lease_ms,
                has_day_budget=self._has_day_budget,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, each of them has it
            for asked in group:
                asked.error, asked.is_answered = error, True
            return
        for asked in group:
            asked.claim, asked.is_answered = found.get(asked.token), True
