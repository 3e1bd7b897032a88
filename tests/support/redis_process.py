"""A Redis of a test's own that can be killed and come back, at the same address, with what its files still hold."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import redis

from producer.embedded.redis_binary import find_redis_binary

Persistence = Literal["none", "everysec", "always"]
PERSISTENCE_NAMES: dict[Persistence, str] = {
    "none": "no persistence",
    "everysec": "AOF everysec",
    "always": "AOF always",
}

PASSWORD = "loopback"
START_WITHIN_S = 30.0
_POLL_S = 0.02


class RedisProcess:
    """A server on loopback, up while the context lasts except between `kill` and `start`."""

    def __init__(self, folder: Path, persistence: Persistence = "none", password: str = PASSWORD) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._log = folder / "redis.log"
        self._configuration = folder / "redis.conf"
        self._configuration.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ''\n"
            f"appendonly {'no' if persistence == 'none' else 'yes'}\n"
            f"appendfsync {'everysec' if persistence == 'none' else persistence}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_redis_binary(), self._configuration], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + START_WITHIN_S
        pause = threading.Event()
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:  # not there yet, or still reading its file
                    assert self._process.poll() is None, self._log.read_text()
                    assert time.monotonic() < deadline, "Redis does not come up"
                    pause.wait(_POLL_S)
                else:
                    return

    @property
    def pid(self) -> int | None:
        """The process id, None while it does not run."""
        return None if self._process is None else self._process.pid

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget_everything(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def length(self, queue: str) -> int:
        """Return how many messages wait on a queue."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen(queue))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
