"""What processes cost: CPU time and resident memory of a tree, from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from workers import memory_bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(roots: Iterable[int]) -> float:
    """Return the CPU time, user and system, of these processes and all below them, ended ones included."""
    total = 0.0
    for pid in _trees(roots):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15])) / TICKS_PER_S
    return total


def resident_mb(roots: Iterable[int]) -> float:
    """Return the resident memory of these processes and all below them, in MB; shared pages count for each."""
    return sum(memory_bound.resident_mb(pid) or 0.0 for pid in _trees(roots))


def most_resident_mb(pid: int) -> float:
    """Return what a process has held at once at most so far, in MB."""
    return status_mb(pid, "VmHWM")


def status_mb(pid: int, name: str) -> float:
    """Return a figure of memory from a process's `status`, in MB; nothing for one that ends this moment."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) * 1024 / 1_000_000


def _trees(roots: Iterable[int]) -> Iterator[int]:
    for root in roots:
        yield root
        for task in Path(f"/proc/{root}/task").glob("*/children"):
            try:
                children = [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield from _trees(children)
