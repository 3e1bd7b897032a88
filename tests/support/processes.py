"""What tests ask about processes of this machine."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path


def python(code: str) -> list[str]:
    """Return the command that runs these lines."""
    return [sys.executable, "-c", code]


def children_of(pid: int) -> list[int]:
    """Return the processes that any thread of a process has started."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in found for child in children.read_text().split()]


def ends_within(pid: int, timeout_s: float) -> bool:
    """Tell whether a process is gone, or goes before the time is over."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)
