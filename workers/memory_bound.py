"""How much memory a process holds."""

from __future__ import annotations

import os
from pathlib import Path

_BYTES_PER_MB = 1_000_000


def resident_mb(pid: int) -> float | None:
    """Return what a process holds in memory, in megabytes; None where it is gone, or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / _BYTES_PER_MB
