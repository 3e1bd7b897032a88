"""What tests ask about processes of this machine."""

from __future__ import annotations

import os
import select
import sys


def python(code: str) -> list[str]:
    """Return the command that runs these lines."""
    return [sys.executable, "-c", code]


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
