"""What a process holds right now, from /proc: memory, descriptors, threads, and connections by where they lead."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Holding:
    """A process at one moment. `descriptors` counts none of the connections that are counted by themselves.

    Those to the provider follow the calls in flight.
    """

    role: str
    pid: int
    age_s: float
    rss_mb: float
    descriptors: int
    threads: int
    database: int
    redis: int
    provider: int


def hold(role: str, pid: int, ports: Mapping[int, str], sockets: Mapping[str, int]) -> Holding | None:
    """Return what a process holds, None where it is gone.

    `ports` names the services "database", "redis" and "provider" by port; `sockets` is what `remote_ports` returned.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        opened = [link for entry in Path(f"/proc/{pid}/fd").iterdir() if (link := _led_to(entry)) is not None]
        up_s = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    led = Counter(ports.get(sockets.get(link, 0), "") for link in opened)
    return Holding(
        role=role,
        pid=pid,
        age_s=round(up_s - int(fields[19]) / _TICKS_PER_S, 1),
        rss_mb=round(resident * _PAGE_MB, 1),
        descriptors=len(opened) - sum(led[service] for service in ports.values()),
        threads=int(fields[17]),
        database=led["database"],
        redis=led["redis"],
        provider=led["provider"],
    )


def _led_to(descriptor: Path) -> str | None:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed meanwhile, as the one this list is read by
        return None


def remote_ports() -> dict[str, int]:
    """Return where each established connection of this machine leads, by the name of its socket in /proc/PID/fd."""
    ports = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _ESTABLISHED:
                ports[f"socket:[{fields[9]}]"] = int(fields[2].rpartition(":")[2], 16)
    return ports


def children(pid: int) -> list[int]:
    """Return the processes that a process, in whichever of its threads, has started."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return found


def resident_mb(pid: int) -> float | None:
    """Return the resident memory of a process and its children together, shared pages each time."""
    try:
        return round(
            sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (pid, *children(pid))) * _PAGE_MB, 1
        )
    except OSError:
        return None
