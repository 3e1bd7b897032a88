"""What goes on beside an application's gateway."""

from __future__ import annotations

import asyncio
import threading

import pytest

from storage.database import Database
from workers import live_upkeep
from workers.live_upkeep import look_after_jobs
from workers.watches import Watches


async def test_nothing_asks_the_ledger_once_upkeep_has_ended(
    sqlite_ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look under way when the gateway closes is waited for: its connection would be left open."""
    looking, go_on, seen = threading.Event(), threading.Event(), threading.Event()

    def look(_self: Watches) -> None:
        looking.set()
        go_on.wait(10)
        seen.set()

    monkeypatch.setattr(live_upkeep, "WATCH_S", 0.01)
    monkeypatch.setattr(Watches, "look", look)
    closing = asyncio.Event()
    upkeep = asyncio.create_task(look_after_jobs(sqlite_ledger, "gateway-test", closing))
    assert await asyncio.to_thread(looking.wait, 10)
    closing.set()
    await asyncio.sleep(0.02)
    assert not upkeep.done()
    go_on.set()
    await asyncio.wait_for(upkeep, 10)
    assert seen.is_set()
