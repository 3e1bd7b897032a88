"""Every change of a rollout is kept, and none is lost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from routing.errors import UsageError
from routing.rollout import Rollout
from routing.rollout_changes import ramped
from storage import rollouts
from storage.database import Database
from storage.rollouts import RolloutChange


def _raise_by_one(changes: Sequence[RolloutChange]) -> Rollout:
    rollout = changes[-1].rollout if changes else Rollout(ramp=0)
    return ramped(rollout, rollout.ramp + 1)


def _raise(ledger: Database, by: str = "ann", why: str = "it works") -> Rollout:
    return rollouts.change(ledger, "receipts", action="ramp", changed_by=by, reason=why, following=_raise_by_one)


def test_a_change_is_a_revision_with_who_when_and_why(ledger: Database) -> None:
    """The newest one holds, for this task alone."""
    assert rollouts.current(ledger, "receipts") is None
    assert _raise(ledger) == Rollout(revision=1, ramp=1)
    assert _raise(ledger, "bob", "") == Rollout(revision=2, ramp=2)
    assert rollouts.current(ledger, "receipts") == Rollout(revision=2, ramp=2)
    assert rollouts.current(ledger, "others") is None
    first, second = rollouts.history(ledger, "receipts")
    assert (first.action, first.changed_by, first.reason) == ("ramp", "ann", "it works")
    assert second.changed_ms >= first.changed_ms > 1_700_000_000_000


def test_of_many_who_change_at_once_none_is_lost(ledger: Database) -> None:
    """Each builds on the one before."""
    with ThreadPoolExecutor(8) as pool:
        revisions = sorted(pool.map(lambda _: _raise(ledger).revision, range(16)))
    assert revisions == list(range(1, 17))
    assert rollouts.current(ledger, "receipts") == Rollout(revision=16, ramp=16)


def test_a_change_that_is_refused_writes_nothing(ledger: Database) -> None:
    """The history stays as it was."""

    def refuse(_: Sequence[RolloutChange]) -> Rollout:
        raise UsageError("no")

    with pytest.raises(UsageError):
        rollouts.change(ledger, "receipts", action="x", changed_by="", reason="", following=refuse)
    assert rollouts.history(ledger, "receipts") == []
