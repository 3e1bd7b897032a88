from __future__ import annotations

import pytest

from workers.outage_log import TELL_AGAIN_S, OutageLog


def test_an_outage_is_told_when_it_begins_twice_a_minute_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """However many threads meet it, and however often."""
    now = [0.0]
    outages = OutageLog(lambda: now[0])
    outages.back()
    for second in range(3 * int(TELL_AGAIN_S)):
        now[0] = float(second)
        for what in ("The heartbeat is missed", "Nothing is swept"):
            outages.away(what, "it cannot be reached")
    outages.back()
    outages.back()
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        *["The heartbeat is missed"] * 3,
        "The ledger is back after 89 s",
    ]


def test_the_next_outage_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """It is another one, however soon it comes."""
    outages = OutageLog(lambda: 0.0)
    for _ in range(2):
        outages.away("The heartbeat is missed", "it cannot be reached")
        outages.back()
    assert len(caplog.records) == 4
