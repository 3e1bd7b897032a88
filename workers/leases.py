"""The leases in this process's hands: extended while their items are worked on, watched for jobs that were stopped."""

from __future__ import annotations

import itertools
import secrets
import threading
from typing import TYPE_CHECKING

from storage import claims, jobs

if TYPE_CHECKING:
    from storage.database import Database


class Leases:
    """One token for each chunk in hand. Safe to share between threads."""

    def __init__(self, lease_ms: int) -> None:
        self.lease_ms = lease_ms
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._job_of: dict[str, int] = {}
        self._halted: frozenset[int] = frozenset()

    def take(self, job_id: int) -> str:
        """Return a new token for a chunk of a job; `drop` it when the chunk is finished."""
        with self._lock:
            token = f"{self._process}-{next(self._numbers)}"
            self._job_of[token] = job_id
            return token

    def drop(self, token: str) -> None:
        """Forget a token: its chunk is finished."""
        with self._lock:
            self._job_of.pop(token, None)

    def halted(self, job_id: int) -> bool:
        """Tell whether a job in hand was seen not to be running any more: nothing further is to be called for it."""
        return job_id in self._halted

    def refresh(self, database: Database, *, extend: bool) -> None:
        """See which jobs in hand still run and, where asked, extend every lease in hand."""
        with self._lock:
            in_hand = dict(self._job_of)
        if not in_hand:
            self._halted = frozenset()
            return
        job_ids = frozenset(in_hand.values())
        self._halted = job_ids - jobs.running_among(database, job_ids)
        if extend:
            claims.extend(database, list(in_hand), self.lease_ms)
