"""The schema of a task that turns against whichever worker imports it: the user's own code, outside of its classes."""

from __future__ import annotations

import os
import re
import signal
import sys

from pydantic import BaseModel, ConfigDict


class Invoice(BaseModel):
    """An invoice, as the first task asks for it."""

    model_config = ConfigDict(extra="forbid")

    number: str
    supplier: str
    total: float


def kill() -> None:
    """End the process as the kernel does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    """End it at once, with a status of its own."""
    os._exit(3)


def loop() -> None:
    """Never return; other threads go on."""
    while True:
        pass


def hold() -> None:
    """Never return, nor let another thread run: `re` holds the interpreter's lock."""
    re.match(r"(x+x+)+y", "x" * 64)


def eat() -> None:
    """Take all the memory there is."""
    hoard = []
    while True:
        hoard.append(b"x" * 4_000_000)


if "--queues" in sys.argv:  # in a worker process; whoever submits it imports it unharmed
    kill()
