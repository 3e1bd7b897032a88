"""What a command of `cheapfirst` costs: its time, CPU time and greatest resident memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHEAPFIRST = Path(sys.executable).with_name("cheapfirst")


@dataclass(frozen=True, slots=True)
class Used:
    """What a process used, from its start to its end, its children included. `resident_mb` is the greatest."""

    took_s: float
    cpu_s: float
    resident_mb: float


def command(arguments: Sequence[str], environment: Mapping[str, str]) -> Used:
    """Run a command and return what it used; what it prints on stdout is dropped. Raises where it fails."""
    began = time.monotonic()
    process = subprocess.Popen([_CHEAPFIRST, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.monotonic() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, ["cheapfirst", *arguments])
    return Used(took_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
