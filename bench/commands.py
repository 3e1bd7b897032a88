"""What a command of `cheapfirst` costs: its time, CPU time and greatest memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.process_cost import status_mb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOOK_EVERY_S = 0.02
_CHEAPFIRST = Path(sys.executable).with_name("cheapfirst")


@dataclass(frozen=True, slots=True)
class Used:
    """What a process used, from its start to its end; its children's CPU time is included. Memory is the greatest.

    `anonymous_mb`, looked at fifty times a second, is what of the resident memory is the process's own: no page of a
    file, which the kernel can take back.
    """

    took_s: float
    cpu_s: float
    resident_mb: float
    anonymous_mb: float


def command(arguments: Sequence[str], environment: Mapping[str, str]) -> Used:
    """Run a command and return what it used; what it prints on stdout is dropped. Raises where it fails."""
    began = time.monotonic()
    process = subprocess.Popen([_CHEAPFIRST, *arguments], env=environment, stdout=subprocess.DEVNULL)
    pause, anonymous_mb = threading.Event(), 0.0
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        anonymous_mb = max(anonymous_mb, status_mb(process.pid, "RssAnon"))
        pause.wait(_LOOK_EVERY_S)
    _, status, used = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.monotonic() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, ["cheapfirst", *arguments])
    return Used(took_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1_000_000, anonymous_mb)
