"""Claims that are asked for while another one is under way wait for it, and then go together, in one statement.

What a claim costs the worker and PostgreSQL is mostly the statement, however few items it takes. Chunks end together,
when the recorder has written what they waited for, and the next ones are claimed within the next milliseconds. So where
other chunks are in hand, whose threads come back for more, a claim waits for them a moment.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing.errors import ServiceUnreachableError
from storage import claims

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.claims import Claim
    from storage.database import Database
    from workers.leases import Leases

MOST_ITEMS = 500
"""So many items go together at most, but for a chunk that is larger: their documents come all at once."""
GATHER_S = 0.004
"""How long a claim waits for others. Half as many statements are made as without it; twice as long saves no more."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A chunk that is to be claimed, and what came of it: its claim, None, or an error.

    Its thread is `called` once that is known, or where it is to make the next statement itself.
    """

    positions: Sequence[int]
    token: str
    called: threading.Event = field(default_factory=threading.Event)
    is_answered: bool = False
    claim: Claim | None = None
    error: BaseException | None = None


class JointClaims:
    """Claims chunks for the threads of a process, each of which waits for its own.

    Of each kind, a job and a tier, one statement is under way at a time. The thread that made it calls those it has
    answered, and the first of those that came meanwhile, which makes the next one.
    """

    def __init__(self, database: Database, leases: Leases, *, has_day_budget: bool) -> None:
        self._database = database
        self._leases = leases
        self._has_day_budget = has_day_budget
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str], deque[_Asked]] = {}
        """Who waits for a statement, by kind; there is an entry for as long as somebody makes one."""

    def claim(self, job_id: int, tier: str, positions: Sequence[int], token: str) -> Claim | None:
        """Return what was free of a chunk, None where nothing was. Raises as `storage.claims.claim_chunks` does."""
        kind, asked = (job_id, tier), _Asked(positions, token)
        with self._lock:
            is_first = kind not in self._waiting
            self._waiting.setdefault(kind, deque()).append(asked)
        if not is_first:
            asked.called.wait()
        if not asked.is_answered:
            self._lead(kind)
        if asked.error is not None:
            raise asked.error
        return asked.claim

    def _lead(self, kind: tuple[int, str]) -> None:
        if self._leases.in_hand > 1:
            threading.Event().wait(GATHER_S)
        group = self._next_group(kind)
        self._answer(kind, group)
        with self._lock:
            waiting = self._waiting[kind]
            to_call = [*group, waiting[0]] if waiting else group
            if not waiting:
                del self._waiting[kind]
        for asked in to_call:
            asked.called.set()

    def _next_group(self, kind: tuple[int, str]) -> list[_Asked]:
        """Take the chunk that waits longest off the list, and with it as many as may go together."""
        with self._lock:
            waiting = self._waiting[kind]
            group = [waiting.popleft()]
            items = len(group[0].positions)
            while waiting and items + len(waiting[0].positions) <= MOST_ITEMS:
                group.append(waiting.popleft())
                items += len(group[-1].positions)
        return group

    def _answer(self, kind: tuple[int, str], group: Sequence[_Asked]) -> None:
        """Claim a group; where that fails for another reason than an outage, each by itself: one may be the reason."""
        try:
            found = self._claimed(kind, group)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            if len(group) > 1 and not isinstance(error, ServiceUnreachableError):
                for asked in group:
                    self._answer(kind, [asked])
            else:
                for asked in group:
                    asked.error, asked.is_answered = error, True
        else:
            for asked in group:
                asked.claim, asked.is_answered = found.get(asked.token), True

    def _claimed(self, kind: tuple[int, str], group: Sequence[_Asked]) -> dict[str, Claim]:
        job_id, tier = kind
        return claims.claim_chunks(
            self._database,
            job_id=job_id,
            tier=tier,
            chunks={asked.token: asked.positions for asked in group},
            lease_ms=self._leases.lease_ms,
            has_day_budget=self._has_day_budget,
        )
