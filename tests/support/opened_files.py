"""Whether a file was opened, by whichever code in whichever process: the kernel tells (inotify)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENED = 0x20  # IN_OPEN of sys/inotify.h
_NONBLOCK = os.O_NONBLOCK


@contextmanager
def watched(file: Path) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether the file has been opened since."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(_NONBLOCK)
    assert libc.inotify_add_watch(descriptor, os.fsencode(file), _OPENED) >= 0, os.strerror(ctypes.get_errno())

    def was_opened() -> bool:
        try:
            return bool(os.read(descriptor, 4096))
        except BlockingIOError:  # nothing happened
            return False

    try:
        yield was_opened
    finally:
        os.close(descriptor)
