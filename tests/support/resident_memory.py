"""How much memory this process has, and has had at most since it was last asked to forget."""

from __future__ import annotations

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    """Return the memory this process has now."""
    return _read("VmRSS")


def peak_mb() -> float:
    """Return the most it had since `forget_peak`."""
    return _read("VmHWM")


def forget_peak() -> None:
    """Let the most be what it is now."""
    Path("/proc/self/clear_refs").write_text("5")


def _read(line: str) -> float:
    found = re.search(rf"{line}:\s+(\d+) kB", _STATUS.read_text())
    assert found is not None
    return int(found[1]) / 1024
