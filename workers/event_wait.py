"""Waiting that an event may cut short."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def is_set_within(wait_s: float, event: asyncio.Event) -> bool:
    """Return whether the event is set, at once where it is, else after these seconds at the latest."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await event.wait()
    return event.is_set()
