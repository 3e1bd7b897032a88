"""Which custom_ids were used before, kept on disk so that memory does not grow with the input."""

from __future__ import annotations

import mmap
import secrets
import tempfile
from hashlib import blake2b
from typing import TYPE_CHECKING, Self

from routing.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

_DIGEST_BYTES = 16  # 128 bits: two of 100 000 000 ids collide with a probability below 10^-22
_FREE = bytes(_DIGEST_BYTES)
_FIRST_SLOTS = 1 << 16
_ZEROS = bytes(1 << 20)


class SeenIds:
    """A hash table of digests in a nameless temporary file, mapped into memory.

    Its pages belong to the file, so that the kernel writes them out when memory is short. It takes 22 to 43 bytes for
    each id. Raises UsageError where the temporary folder is full.
    """

    def __init__(self) -> None:
        self._count = 0
        # A key of its own: nobody can prepare ids that all fall into the same place.
        self._key = secrets.token_bytes(_DIGEST_BYTES)
        self._allocate(_FIRST_SLOTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.close()

    def add(self, custom_id: str) -> bool:
        """Remember an id, and return whether it is new."""
        digest = blake2b(custom_id.encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()
        if not self._put(digest):
            return False
        self._count += 1
        if self._count * 4 > self._slots * 3:
            self._grow()
        return True

    def _put(self, digest: bytes) -> bool:
        table, mask = self._table, self._slots - 1
        slot = int.from_bytes(digest[:8], "little") & mask
        while True:
            start = slot * _DIGEST_BYTES
            held = table[start : start + _DIGEST_BYTES]
            if held == _FREE:
                table[start : start + _DIGEST_BYTES] = digest
                return True
            if held == digest:
                return False
            slot = (slot + 1) & mask

    def _grow(self) -> None:
        previous = self._table
        self._allocate(self._slots * 2)
        for start in range(0, len(previous), _DIGEST_BYTES):
            digest = previous[start : start + _DIGEST_BYTES]
            if digest != _FREE:
                self._put(digest)
        previous.close()

    def _allocate(self, slots: int) -> None:
        size = slots * _DIGEST_BYTES
        try:
            with tempfile.TemporaryFile(prefix="cheapfirst-ids-") as file:
                # Written rather than truncated: a sparse file on a full disk would end the process with SIGBUS later.
                for _ in range(0, size, len(_ZEROS)):
                    file.write(_ZEROS)
                file.flush()
                self._table = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise UsageError(
                f"The table of ids needs {size} bytes in {tempfile.gettempdir()}, which failed: {error.strerror}.",
                "Set TMPDIR to a folder with more space.",
            ) from error
        self._slots = slots
