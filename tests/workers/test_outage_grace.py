"""After the ledger was away, whoever lives may extend his leases first."""

from __future__ import annotations

from workers.outage_grace import GRACE_S, OutageGrace


def test_leases_run_out_at_once_where_no_outage_was_seen() -> None:
    """A process that has just begun takes over from dead ones without delay."""
    assert OutageGrace().is_over


def test_grace_begins_anew_with_every_failure() -> None:
    """It counts from the last one."""
    now = [100.0]
    grace = OutageGrace(lambda: now[0])
    for _ in range(2):
        now[0] += GRACE_S / 2
        grace.begin()
    now[0] += GRACE_S - 0.1
    assert not grace.is_over
    now[0] += 0.1
    assert grace.is_over
