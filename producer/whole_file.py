"""Files that appear under their name when they are complete."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


def require_folder(file: Path, what: str) -> None:
    """Raise UsageError, naming `what` cannot be written, where there is no folder for a file to be in."""
    if not file.parent.is_dir():
        raise UsageError(
            f"{what} cannot be written to {file}: there is no folder {file.parent}.", "Make it, or choose another."
        )


@contextmanager
def whole_file(file: Path, what: str) -> Iterator[BinaryIO]:
    """Yield a stream to what will be this file; what stood there before stays until the end.

    Raises UsageError, naming `what` cannot be written, where it cannot.
    """
    if not file.name:
        raise UsageError(f"{what} cannot be written to {file}, which names no file.", "Name one.")
    if file.exists() and not file.is_file():
        raise UsageError(f"{what} cannot be written to {file}: it is no ordinary file.", "Choose another file.")
    require_folder(file, what)
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    except OSError as error:
        raise UsageError(f"{what} cannot be written to {file}: {error.strerror}.", "Choose another file.") from error
    finally:
        with suppress(OSError):
            partial.unlink()
