"""What goes on beside the items of an application's gateway, as heartbeat and sweeper do beside a worker's."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import sweeping
from workers.watches import WATCH_S, Watches

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database
    from workers.leases import Leases

log = logging.getLogger(__name__)

_LOOKS_PER_LEASE = 3


async def keep_leases(database: Database, leases: Leases) -> None:
    """Extend the leases in hand until cancelled."""
    while True:
        await asyncio.sleep(leases.lease_ms / 1000 / _LOOKS_PER_LEASE)
        await _tried(lambda: leases.extend(database))


async def look_after_jobs(database: Database, name: str) -> None:
    """Let what watches active jobs act, and give back what dead processes reserved, until cancelled."""
    watches = Watches(database, name)
    while True:
        await asyncio.sleep(WATCH_S)
        await _tried(watches.look)
        await _tried(lambda: sweeping.release_expired(database))


async def _tried(duty: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(duty)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next round may succeed
        log.warning("Upkeep failed: %s", error if isinstance(error, CheapfirstError) else type(error).__name__)
