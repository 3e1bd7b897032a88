"""A host's name that only the commands started here know, and that can be forgotten: DNS that fails on purpose."""

from __future__ import annotations

import subprocess
from pathlib import Path

_MOUNTED = 'mount --bind "$0" /etc/hosts && exec "$@"'


class PrivateHosts:
    """The name of this machine in a file of its own, which commands see as /etc/hosts.

    The name is of a domain that never resolves (RFC 2606), so that nobody answers for it while it is forgotten.
    """

    name = "models.invalid"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "hosts"
        self.know()

    def know(self) -> None:
        """Resolve the name from now on."""
        self._file.write_text(f"127.0.0.1 localhost\n127.0.0.1 {self.name}\n")

    def forget(self) -> None:
        """Resolve it no more."""
        self._file.write_text("127.0.0.1 localhost\n")

    def command(self, *command: str) -> tuple[str, ...]:
        """Return a command line for a process that sees the file."""
        return ("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTED, str(self._file), *command)

    def works(self) -> bool:
        """Tell whether this machine allows it."""
        return not subprocess.run(self.command("true"), check=False, capture_output=True).returncode
