"""Opening a file that may be hostile: regular, within a size, and not reached through a link nobody named."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


_BLOCK_BYTES = 256 * 1024


def open_regular(path: Path, *, follow_link: bool) -> BinaryIO:
    """Open a regular file for reading.

    `follow_link` is for a path the user named; one found in a folder is not followed. Raises RefusedInputError.
    """
    # O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_link else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise refused_by_system(error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RefusedInputError(RefusalCode.UNREADABLE, "it is not a regular file; copy it into one")
    return os.fdopen(descriptor, "rb")


def read_bounded(file: BinaryIO, max_bytes: int, head: bytes = b"") -> bytes:
    """Return `head`, already read, and the rest of a file.

    Raises RefusedInputError where that is nothing, or longer than `max_bytes`.
    """
    blocks = [head]
    length = len(head)
    while length <= max_bytes and (block := file.read(_BLOCK_BYTES)):
        blocks.append(block)
        length += len(block)
    if length > max_bytes:
        raise RefusedInputError(RefusalCode.TOO_LARGE, f"it is larger than {max_bytes} bytes; split it")
    if not length:
        raise RefusedInputError(RefusalCode.EMPTY, "it is empty")
    return b"".join(blocks)


def refused_by_system(error: OSError) -> RefusedInputError:
    """Return the refusal for an error of the operating system."""
    if error.errno == errno.ELOOP:
        return RefusedInputError(RefusalCode.OUTSIDE_FOLDER, "it is a symbolic link; name its target instead")
    return RefusedInputError(RefusalCode.UNREADABLE, f"it cannot be read: {error.strerror}")
