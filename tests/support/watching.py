"""Watching from outside while something runs: what Redis is told, and the command lines of all processes."""

from __future__ import annotations

import base64
import binascii
import re
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_LOOK_S = 0.2
_BODY = re.compile(rb'body\\*": \\*"([A-Za-z0-9+/=]+)')


class RedisMonitor:
    """Every command that a Redis gets while the context lasts, as MONITOR tells it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._connection = socket.create_connection(("127.0.0.1", parts.port))
        self._connection.sendall(f"AUTH {parts.password}\r\nMONITOR\r\n".encode())
        self._thread = threading.Thread(target=self._read)
        self.commands = bytearray()

    @property
    def bodies(self) -> bytes:
        """The bodies of Celery's messages and events, decoded."""
        decoded = []
        for body in set(_BODY.findall(bytes(self.commands))):
            try:
                decoded.append(base64.b64decode(body, validate=True))
            except binascii.Error:  # part of a longer one
                continue
        return b"\n".join(decoded)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()

    def _read(self) -> None:
        while told := self._connection.recv(1 << 16):
            self.commands += told


class CommandLines:
    """The command lines of every process of this machine that lived for a while in the context."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_often)
        self._seen: set[bytes] = set()

    @property
    def seen(self) -> bytes:
        """All of them."""
        return b"\n".join(sorted(self._seen))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look_often(self) -> None:
        while not self._over.wait(_LOOK_S):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    self._seen.add((process / "cmdline").read_bytes())
                except OSError:  # it ended meanwhile
                    continue
