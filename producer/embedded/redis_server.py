"""A private Redis for one run: loopback only, with a generated password, nothing kept on disk.

Loopback and not a unix socket, because Celery's broker, Flower and redis-py then take one and the same URL (a socket is
`redis+socket://` to the first two and `unix://` to the third), and because a socket's path may hold 107 bytes at most.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from producer.embedded.child_process import ChildProcess
from producer.embedded.redis_binary import INSTALL_HINT, find_redis_binary
from routing.errors import ServiceUnreachableError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

HOST = "127.0.0.1"
START_WITHIN_S = 10.0
STOP_GRACE_S = 3.0
PROBE_EVERY_S = 0.01
PROBE_TIMEOUT_S = 1.0
PORTS_TO_TRY = 5

CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
daemonize no
save ""
appendonly no
maxmemory-policy noeviction
"""


class EmbeddedRedis:
    """A Redis server that lives as long as this context, or as this process if it is killed.

    Several may run in one `directory`: each takes the first folder in it that nobody holds (`1`, `2`, ...). A server
    that an earlier run left in that folder is shut down first. `url` is good for Celery's broker, for Flower and for
    redis-py. Entering raises ServiceUnreachableError where no server is installed or it does not come up.
    """

    url: str

    def __init__(self, directory: Path, binary: Path | None = None) -> None:
        self._directory = directory.absolute()
        self._binary = binary

    def __enter__(self) -> Self:
        binary = self._binary or find_redis_binary()
        self._folder, self._lock = _claim_folder(self._directory)
        try:
            _shut_down_left_server(self._folder)
            self._process, self.url = _start_on_free_port(binary, self._folder)
        except BaseException:
            os.close(self._lock)
            raise
        _write_private(self._folder / "url", self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
        (self._folder / "url").unlink(missing_ok=True)
        os.close(self._lock)


def find_running_redis(directory: Path) -> str | None:
    """Return the URL of an embedded server that is up in `directory`, started by this process or another."""
    for url_file in sorted(directory.glob("*/url")):
        with suppress(FileNotFoundError):
            url = url_file.read_text(encoding="utf-8")
            if _answers(url):
                return url
    return None


def _claim_folder(directory: Path) -> tuple[Path, int]:
    try:
        return next(claimed for number in count(1) if (claimed := _lock_folder(directory / str(number))))
    except OSError as error:
        raise ServiceUnreachableError(
            f"The embedded Redis cannot use the folder {directory}: {error.strerror}.",
            "Make it writable, run from another folder, or set REDIS_URL to a running Redis.",
        ) from error


def _lock_folder(folder: Path) -> tuple[Path, int] | None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return folder, lock


def _shut_down_left_server(folder: Path) -> None:
    """Shut down the server an earlier run left here. The password in its URL proves that it is ours to end."""
    url_file = folder / "url"
    with suppress(FileNotFoundError):
        _ask(url_file.read_text(encoding="utf-8"), b"SHUTDOWN NOSAVE")
    url_file.unlink(missing_ok=True)


def _start_on_free_port(binary: Path, folder: Path) -> tuple[ChildProcess, str]:
    # Another process may take the port between our look and the server's bind: then the next one is tried.
    for _ in range(PORTS_TO_TRY):
        port, password = _free_port(), secrets.token_hex(24)
        url = f"redis://:{password}@{HOST}:{port}/0"
        configuration = folder / "redis.conf"
        _write_private(configuration, CONFIGURATION.format(host=HOST, port=port, password=password))
        process = ChildProcess("Redis", [str(binary), str(configuration)], folder / "redis.log", grace_s=STOP_GRACE_S)
        if _comes_up(process, url):
            return process, url
        process.stop()
        if "Address already in use" not in process.log_tail():
            break
    raise process.failed_to_start(INSTALL_HINT)


def _comes_up(process: ChildProcess, url: str) -> bool:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if _answers(url):
            return True
        if process.wait(PROBE_EVERY_S) is not None:
            return False
    return False


def _answers(url: str) -> bool:
    return _ask(url, b"PING").endswith(b"+PONG\r\n")


def _ask(url: str, command: bytes) -> bytes:
    """Return what the server says to one command, empty where nobody listens.

    A socket and not redis-py, whose import takes longer than the whole start of the server.
    """
    parts = urlsplit(url)
    reply = b""
    with suppress(OSError), socket.create_connection((HOST, parts.port or 0), timeout=PROBE_TIMEOUT_S) as connection:
        connection.sendall(b"AUTH %b\r\n%b\r\nQUIT\r\n" % ((parts.password or "").encode(), command))
        while received := connection.recv(1024):
            reply += received
    return reply.removesuffix(b"+OK\r\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
