from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from storage.database import Database
from workers import heartbeat
from workers.leases import Leases
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


def test_a_heartbeat_without_its_ledger_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It beats on, and says nothing more for half a minute."""
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    beats, enough = iter(range(5)), threading.Event()
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    beating = heartbeat.Heartbeat(
        database=database,
        name="w@host",
        leases=Leases(30_000),
        concurrency=SimpleNamespace(follow=None),  # type: ignore[arg-type]
        vitals=SimpleNamespace(),  # type: ignore[arg-type]
        on_beat=lambda: None if next(beats, None) is not None else enough.set(),
    )
    assert enough.wait(30)
    told = [record.getMessage() for record in caplog.records]
    beating.close()
    database.close()
    assert len(told) == 1
    assert told[0].startswith("The heartbeat is missed, and all else that needs it waits: The ledger at")
