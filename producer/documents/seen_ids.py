"""Which custom_ids were used before, kept on disk so that memory does not grow with the input."""

from __future__ import annotations

import mmap
import secrets
import tempfile
from typing import TYPE_CHECKING, Self

from routing.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

_SLOT_BYTES = 16
_FIRST_SLOTS = 1 << 16
_GROWTH = 2
_STRETCH = 1 << 14
_ZEROS = bytes(1 << 20)
_KEY_BYTES = 16


class SeenIds:
    """A hash table of 128 bits for each id in a nameless temporary file, mapped into memory.

    Its pages belong to the file, so that the kernel writes them out when memory is short. It takes 22 to 43 bytes for
    each id. Raises UsageError where the temporary folder is full.
    """

    def __init__(self) -> None:
        self._count = 0
        # Python's own hash is keyed (SipHash), and the fastest there is here: twice with a key of ours it is 128 bits,
        # of which two of 100 000 000 ids collide with a probability below 10^-22. Nobody can prepare ids that do, or
        # that all fall into the same place, even where PYTHONHASHSEED is known.
        self._first_key, self._second_key = secrets.token_hex(_KEY_BYTES), secrets.token_hex(_KEY_BYTES)
        self._allocate(_FIRST_SLOTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(self._table)

    def add(self, custom_id: str) -> bool:
        """Remember an id, and return whether it is new."""
        first = hash(self._first_key + custom_id) or 1  # 0 is a free slot
        second = hash(self._second_key + custom_id)
        table, last = self._table, self._last
        at = first * 2 & last
        while held := table[at]:
            if held == first and table[at + 1] == second:
                return False
            at = at + 2 & last
        table[at], table[at + 1] = first, second
        self._count += 1
        if self._count > self._most:
            self._grow()
        return True

    def _grow(self) -> None:
        previous = self._table
        self._allocate(len(previous) // 2 * _GROWTH)
        table, last = self._table, self._last
        for start in range(0, len(previous), _STRETCH):
            halves = iter(previous[start : start + _STRETCH].tolist())
            for first, second in zip(halves, halves, strict=True):
                if first:
                    at = first * 2 & last
                    while table[at]:
                        at = at + 2 & last
                    table[at], table[at + 1] = first, second
        self._close(previous)

    def _allocate(self, slots: int) -> None:
        size = slots * _SLOT_BYTES
        try:
            with tempfile.TemporaryFile(prefix="cheapfirst-ids-") as file:
                # Written rather than truncated: a sparse file on a full disk would end the process with SIGBUS later.
                for _ in range(0, size, len(_ZEROS)):
                    file.write(_ZEROS)
                file.flush()
                self._table = memoryview(mmap.mmap(file.fileno(), size)).cast("q")
        except OSError as error:
            raise UsageError(
                f"The table of ids needs {size} bytes in {tempfile.gettempdir()}, which failed: {error.strerror}.",
                "Set TMPDIR to a folder with more space.",
            ) from error
        self._last = slots * 2 - 2
        """The index of the last slot, and the mask of all of them."""
        self._most = slots * 3 // 4

    @staticmethod
    def _close(table: memoryview) -> None:
        mapped = table.obj
        table.release()
        assert isinstance(mapped, mmap.mmap)
        mapped.close()
