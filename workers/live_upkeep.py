"""What goes on beside the items of an application's gateway, as heartbeat and sweeper do beside a worker's."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import sweeping
from workers.event_wait import is_set_within
from workers.outage_grace import OutageGrace
from workers.watches import WATCH_S, Watches

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database
    from workers.leases import Leases

log = logging.getLogger(__name__)

_AGAIN_S = 1.0
"""How long until a ledger that was away is asked again: within the grace that sweepers give."""


async def keep_leases(database: Database, leases: Leases, closing: asyncio.Event) -> None:
    """Extend the leases in hand until told to end. It ends with no thread at the ledger any more."""
    usual_s = leases.extend_every_s
    wait_s = usual_s
    while not await is_set_within(wait_s, closing):
        wait_s = usual_s if await _tried(lambda: leases.extend(database)) else min(usual_s, _AGAIN_S)


async def look_after_jobs(database: Database, name: str, closing: asyncio.Event) -> None:
    """Let what watches active jobs act, and give back what dead processes reserved, until told to end, as above."""
    watches, grace = Watches(database, name), OutageGrace()
    while not await is_set_within(WATCH_S, closing):
        if not await _tried(watches.look):
            grace.begin()
        if grace.is_over and not await _tried(lambda: sweeping.release_expired(database)):
            grace.begin()


async def _tried(duty: Callable[[], object]) -> bool:
    try:
        await asyncio.to_thread(duty)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next round may succeed
        log.warning("Upkeep failed: %s", error if isinstance(error, CheapfirstError) else type(error).__name__)
        return False
    return True
