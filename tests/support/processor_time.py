"""How much of the processor a call takes, whoever else is busy on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable

TRIES = 3


def processor_ms(call: Callable[[], object]) -> float:
    """Return the least processor time of a few calls: what is more than that is the machine's, not the call's."""
    return min(_once(call) for _ in range(TRIES))


def _once(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return (time.thread_time() - began) * 1000
