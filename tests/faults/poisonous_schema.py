"""The schema of a task whose validator some documents turn against the worker: a user's own code that it runs."""

from __future__ import annotations

import os
import re
import signal
import sys

from pydantic import BaseModel, ConfigDict, field_validator


class Invoice(BaseModel):
    """An invoice, as the first task asks for it."""

    model_config = ConfigDict(extra="forbid")

    number: str
    supplier: str
    total: float

    @field_validator("supplier")
    @classmethod
    def check(cls, supplier: str) -> str:
        """Do what the supplier's name says."""
        poison = POISONS.get(supplier.partition(" ")[0])
        if poison is not None:
            poison()
        return supplier


def kill() -> None:
    """End the process as the kernel does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    """End it as a program does."""
    sys.exit("enough")


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


POISONS = {"Kill": kill, "Leave": leave, "Loop": loop, "Hold": hold, "Eat": eat}
