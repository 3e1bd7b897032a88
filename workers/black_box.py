"""What a worker process was working on when it died, kept where its supervisor can read it: a black box.

All calls of a process share one event loop, so at any moment it runs the code of at most one item: its checks, its
schema's validators, its templates. Which one stands in memory that outlives the process. When a document's handling
kills the process, makes it loop or eats its memory, that document is known, and those that only waited for their
answers beside it are not suspected.

Which job's task is being made ready stands there as well: the module of its schema is imported then, a user's own code.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_MAGIC = b"cheapfirst box 2"
_PROCESS = struct.Struct("<32s")
_ITEM = struct.Struct("<qq")
_JOB = struct.Struct("<q")
_PROCESS_AT = len(_MAGIC)
_ITEM_AT = _PROCESS_AT + _PROCESS.size
_JOB_AT = _ITEM_AT + _ITEM.size // 2
_READIED_AT = _ITEM_AT + _ITEM.size
_SIZE = _READIED_AT + _JOB.size
_NOBODY = bytes(_JOB.size)


class BlackBox:
    """The worker's side. `descriptor` is what the supervisor handed down, None where there is no supervisor.

    `process` names this process as its leases do.
    """

    def __init__(self, descriptor: int | None, process: str) -> None:
        self._memory = _shared(descriptor)
        _PROCESS.pack_into(self._memory, _PROCESS_AT, process.encode())

    def around(self, job_id: int, position: int, coroutine: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
        """Return a coroutine that does the same, and whose item is in the box whenever its own code runs."""
        return _Marked(self, job_id, position, coroutine)

    def mark(self, job_id: int, position: int) -> None:
        """Say that an item's code runs from now on."""
        _ITEM.pack_into(self._memory, _ITEM_AT, position, job_id)

    def clear(self) -> None:
        """Say that no item's code runs."""
        self._memory[_JOB_AT:_READIED_AT] = _NOBODY

    @contextmanager
    def readying(self, job_id: int) -> Iterator[None]:
        """Say that a job's task is being made ready to run. One at a time."""
        _JOB.pack_into(self._memory, _READIED_AT, job_id)
        try:
            yield
        finally:
            self._memory[_READIED_AT:_SIZE] = _NOBODY


class _Marked(Coroutine[Any, Any, None]):
    """Marks its item for as long as each of its steps takes, from one wait to the next."""

    __slots__ = ("_box", "_coroutine", "_job_id", "_position")

    def __init__(self, box: BlackBox, job_id: int, position: int, coroutine: Coroutine[Any, Any, None]) -> None:
        self._box = box
        self._job_id = job_id
        self._position = position
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:  # noqa: ANN401 - a coroutine's own signature
        self._box.mark(self._job_id, self._position)
        try:
            return self._coroutine.send(value)
        finally:
            self._box.clear()

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
        /,
    ) -> Any:  # noqa: ANN401 - a coroutine's own signature
        del value, trace  # the loop gives the exception itself
        self._box.mark(self._job_id, self._position)
        try:
            return self._coroutine.throw(kind)
        finally:
            self._box.clear()

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:  # noqa: ANN401 - a coroutine's own signature
        return self._coroutine.__await__()


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a box holds: the name of its process, empty before that began, and the item whose code ran at the end.

    `readied` is the job whose task was being made ready then.
    """

    process: str
    item: tuple[int, int] | None
    readied: int | None = None


class KeptBox:
    """The supervisor's side: memory that is handed down to one worker process by its `descriptor`."""

    def __init__(self) -> None:
        self.descriptor = _anonymous_file()
        os.pwrite(self.descriptor, _MAGIC + bytes(_SIZE - len(_MAGIC)), 0)

    def read(self) -> LastWords:
        """Return what the process left."""
        raw = os.pread(self.descriptor, _SIZE, 0)
        (process,) = _PROCESS.unpack_from(raw, _PROCESS_AT)
        position, job_id = _ITEM.unpack_from(raw, _ITEM_AT)
        (readied,) = _JOB.unpack_from(raw, _READIED_AT)
        return LastWords(process.rstrip(b"\0").decode(), (job_id, position) if job_id else None, readied or None)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


def _anonymous_file() -> int:
    """Return the descriptor of a file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("black-box")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _shared(descriptor: int | None) -> mmap.mmap:
    """Return the memory behind a descriptor that is a box's; some of our own where there is none."""
    if descriptor is not None:
        try:
            memory = mmap.mmap(descriptor, _SIZE)
        except (OSError, ValueError):  # inherited by name, and closed on the way
            return mmap.mmap(-1, _SIZE)
        if memory[: len(_MAGIC)] == _MAGIC:
            return memory
        memory.close()
    return mmap.mmap(-1, _SIZE)
