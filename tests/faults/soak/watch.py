"""What is written down every few seconds of a soak: what its processes hold, and how its jobs stand."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlmodel import col

from storage.database import Database
from storage.tables import Job
from tests.faults.scene import Scene, Service
from tests.faults.soak.census import Holding, children, hold, remote_ports, resident_mb
from tests.faults.soak.patient import known
from tests.faults.trial import append_line

TOLD_EVERY_S = 30.0
ROLES = ("supervisor-cheap", "worker-cheap", "supervisor-expensive", "worker-expensive", "submitter", "driver")


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """The items of all jobs together: how many were taken, and how many of them have ended."""

    taken: int
    ended: int


def standing(database: Database) -> Standing:
    """Return how all jobs stand. Raises ServiceUnreachableError."""
    with database.read() as connection:
        taken, ended = connection.execute(
            select(
                func.coalesce(func.sum(col(Job.items_total)), 0),
                func.coalesce(func.sum(col(Job.items_done) + col(Job.items_failed)), 0),
            )
        ).one()
    return Standing(int(taken), int(ended))


class Watch:
    """A context in which a thread writes samples to a file and says now and then how it goes."""

    def __init__(
        self,
        scene: Scene,
        services: dict[str, Service],
        submitter: subprocess.Popen[bytes],
        file: Path,
        every_s: float,
    ) -> None:
        self._scene = scene
        self._services = services
        self._submitter = submitter
        self._file = file
        self._every_s = every_s
        self._began = monotonic()
        self._told = self._began
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._ports = {
            _port(scene.redis.url): "redis",
            _port(scene.server.base_url): "provider",
            _port(scene.place.environment["DATABASE_URL"]): "database",
        }

    @property
    def at_s(self) -> float:
        """Seconds since it began."""
        return round(monotonic() - self._began, 1)

    def note(self, **line: object) -> None:
        """Write down something that happened, and say it."""
        append_line(self._file, {"at_s": self.at_s, **line})
        _say(f"{self.at_s:8.1f} s  " + ", ".join(f"{name} {value}" for name, value in line.items()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(self._every_s):
            sample = self._sample()
            append_line(self._file, sample)
            if monotonic() - self._told >= TOLD_EVERY_S:
                self._told = monotonic()
                rss = ", ".join(f"{held['role']} {held['rss_mb']:.0f}" for held in sample["processes"])
                _say(f"{self.at_s:8.1f} s  {sample['ended']} of {sample['taken']} items ended; MB: {rss}")

    def _sample(self) -> dict[str, Any]:
        sockets = remote_ports()
        held = [hold(role, pid, self._ports, sockets) for role, pid in self._processes()]
        stands = known(lambda: standing(self._scene.database))
        redis = self._scene.redis.pid
        return {
            "at_s": self.at_s,
            "taken": None if stands is None else stands.taken,
            "ended": None if stands is None else stands.ended,
            "redis_mb": None if redis is None else resident_mb(redis),
            "provider_mb": resident_mb(self._scene.server.pid),
            "processes": [dataclasses.asdict(holding) for holding in held if holding is not None],
        }

    def _processes(self) -> Iterator[tuple[str, int]]:
        for tier, service in list(self._services.items()):
            yield f"supervisor-{tier}", service.process.pid
            for worker in children(service.process.pid):
                yield f"worker-{tier}", worker
        yield "submitter", self._submitter.pid
        yield "driver", os.getpid()


def samples(file: Path) -> Iterator[Holding]:
    """Return what processes held, in the order of time, from what a watch wrote."""
    with file.open() as lines:
        for line in lines:
            for held in json.loads(line).get("processes", ()):
                yield Holding(**held)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command of its own
