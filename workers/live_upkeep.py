"""What goes on beside the items of an application's gateway, as heartbeat and sweeper do beside a worker's."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError
from storage import sweeping
from workers.event_wait import is_set_within
from workers.watches import WATCH_S, Watches

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Database
    from workers.leases import Leases

log = logging.getLogger(__name__)

_LOOKS_PER_LEASE = 3


async def keep_leases(database: Database, leases: Leases, closing: asyncio.Event) -> None:
    """Extend the leases in hand until told to end. It ends with no thread at the ledger any more."""
    while not await is_set_within(leases.lease_ms / 1000 / _LOOKS_PER_LEASE, closing):
        await _tried(lambda: leases.refresh(database, extend=True))


async def look_after_jobs(database: Database, name: str, closing: asyncio.Event) -> None:
    """Let what watches active jobs act, and give back what dead processes reserved, until told to end, as above."""
    watches = Watches(database, name)
    while not await is_set_within(WATCH_S, closing):
        await _tried(watches.look)
        await _tried(lambda: sweeping.release_expired(database))


async def _tried(duty: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(duty)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next round may succeed
        log.warning("Upkeep failed: %s", error if isinstance(error, CheapfirstError) else type(error).__name__)
