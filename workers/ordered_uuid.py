"""Ids of rows that are written in the order of time."""

from __future__ import annotations

import os
import random
from functools import cache
from uuid import UUID

_VERSION_7 = 7 << 76 | 2 << 62
_FREE_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0x3 << 62)


def ordered_uuid(time_ms: int) -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): new rows stand at the end of their index."""
    time_bits = (time_ms & (1 << 48) - 1) << 80
    return UUID(int=time_bits | _VERSION_7 | _randomness().getrandbits(80) & _FREE_BITS)


@cache
def _randomness() -> random.Random:
    """Return a source of our own: code of users may seed the one that everybody shares, and a fork has its state."""
    source = random.Random()  # noqa: S311 - an id keeps nobody out, so that it may be guessed
    os.register_at_fork(after_in_child=source.seed)
    return source
