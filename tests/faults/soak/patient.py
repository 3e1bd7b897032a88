"""Asking a ledger that a fault may have taken away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from routing.errors import ServiceUnreachableError
from tests.faults.scene import POLL_S

T = TypeVar("T")


def known(read: Callable[[], T]) -> T | None:
    """Return what was read, None while the ledger is away."""
    try:
        return read()
    except ServiceUnreachableError:
        return None


def soon(read: Callable[[], T]) -> T:
    """Return what was read, once the ledger is there."""
    pause = threading.Event()
    while True:
        found = known(read)
        if found is not None:
            return found
        pause.wait(POLL_S)
