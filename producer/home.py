"""The folders this program writes to, readable by their owner only: they hold documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(folder: Path) -> Path:
    """Return the folder, made where it is missing. Raises UsageError where it cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Set CHEAPFIRST_HOME to one that can be written."
        ) from error
    return folder
