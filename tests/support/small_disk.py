"""A disk of a few megabytes that can be filled to the last byte, where this machine lets a test have one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_BLOCK = bytes(4096)


class SmallDisk:
    """A file system in memory at `folder`, which anybody may write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self) -> None:
        """Leave no space."""
        with suppress(OSError), self._filling.open("ab", buffering=0) as file:
            while file.write(_BLOCK):
                pass

    def free(self) -> None:
        """Give the space back."""
        self._filling.unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount one while the context lasts; skips the test where that is not allowed."""
    # Not in a test's own folder, which only its user may enter: PostgreSQL runs as another one.
    folder = Path(tempfile.mkdtemp(prefix="cheapfirst-disk-"))
    options = f"size={megabytes}m,mode=1777"
    try:
        folder.chmod(0o755)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("a small disk cannot be mounted here")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        folder.rmdir()
