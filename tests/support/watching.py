"""Watching from outside while something runs: what Redis is told, and the command lines of all processes."""

from __future__ import annotations

import base64
import binascii
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_LOOK_S = 0.2
_BODY = re.compile(rb'body\\*": \\*"([A-Za-z0-9+/=]+)')


@dataclass
class RedisCommands:
    """Every command that a Redis got, as its MONITOR tells it."""

    told: bytearray = field(default_factory=bytearray)

    @property
    def bodies(self) -> bytes:
        """Celery's messages and events with their bodies decoded: some are in base64, ours are plain."""
        decoded = [bytes(self.told).replace(b"\\", b"")]
        for body in set(_BODY.findall(bytes(self.told))):
            try:
                decoded.append(base64.b64decode(body, validate=True))
            except binascii.Error:  # part of a longer one
                continue
        return b"\n".join(decoded)


@contextmanager
def redis_commands(url: str) -> Iterator[RedisCommands]:
    """Listen while the context lasts."""
    parts = urlsplit(url)
    commands = RedisCommands()
    with socket.create_connection(("127.0.0.1", parts.port or 0)) as connection:
        connection.sendall(f"AUTH {parts.password}\r\nMONITOR\r\n".encode())

        def read() -> None:
            while told := connection.recv(1 << 16):
                commands.told.extend(told)

        with _beside(read, lambda: connection.shutdown(socket.SHUT_RDWR)):
            yield commands


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """Gather the command lines of every process of this machine that lives for a while in the context."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((process / "cmdline").read_bytes())
                except OSError:  # it ended meanwhile
                    continue

    with _beside(look, over.set):
        yield seen


@contextmanager
def _beside(work: Callable[[], None], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()
