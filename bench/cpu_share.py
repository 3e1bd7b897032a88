"""Processes that are held to a share of a CPU each, as if something else had the rest.

By control groups of the first version (cgroups(7), `cpu`), which need root and `/sys/fs/cgroup/cpu`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GROUPS = Path("/sys/fs/cgroup/cpu")
_PERIOD_US = 20_000


@contextmanager
def held_to(share: float, pids: Sequence[int]) -> Iterator[None]:
    """Hold each of these processes to this share of one CPU. Raises OSError where the system does not let us."""
    with ExitStack() as stack:
        for pid in pids:
            stack.enter_context(_group(share, pid))
        yield


@contextmanager
def _group(share: float, pid: int) -> Iterator[None]:
    group = _GROUPS / f"cheapfirst-bench-{os.getpid()}-{pid}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(round(share * _PERIOD_US)))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        with suppress(ProcessLookupError):  # it may have ended
            (_GROUPS / "cgroup.procs").write_text(str(pid))
        group.rmdir()
