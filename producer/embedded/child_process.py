"""A process that ends when this one does, however this one ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from routing.errors import ServiceUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import BinaryIO

WATCHDOG = Path(__file__).with_name("watchdog.py")
STOP_GRACE_S = 5.0
WATCHDOG_GRACE_S = 2.0
LOG_TAIL_BYTES = 2_000


class ChildProcess:
    """A command that runs in a session of its own, so that Ctrl-C reaches only the process that started it.

    What it writes goes to `log_file`, readable by the owner only and begun anew with each start. `environment` is its
    whole environment, ours where None: secrets go there, because anyone on the machine can read a command line. Raises
    ServiceUnreachableError where the log file cannot be written.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        grace_s: float = STOP_GRACE_S,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._grace_s = grace_s
        watchdog = [sys.executable, "-I", "-S", str(WATCHDOG), str(grace_s), *command]
        with _open_log(name, log_file) as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, and no shell reads it
                watchdog,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code once the process has ended, None if it still runs after `timeout_s`."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the process: asked first, killed after the grace time. Stopping twice is stopping once."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.wait(self._grace_s + WATCHDOG_GRACE_S) is None:  # pragma: no cover - the watchdog itself hangs
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """Return the end of what the process wrote, for a person to read."""
        with self.log_file.open("rb") as log:
            log.seek(max(0, self.log_file.stat().st_size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()

    def failed_to_start(self, hint: str) -> ServiceUnreachableError:
        """Return the error that tells why the process did not come up: its last line, and where the rest is."""
        last_line = self.log_tail().rpartition("\n")[2] or "it wrote nothing"
        return ServiceUnreachableError(f"{self.name} did not start: {last_line} (log: {self.log_file}).", hint)


def _open_log(name: str, log_file: Path) -> BinaryIO:
    try:
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ServiceUnreachableError(
            f"The log of {name} cannot be written to {log_file}: {error.strerror}.",
            "Make the folder writable, or run from another folder.",
        ) from error
    return os.fdopen(descriptor, "wb")
