"""A private PostgreSQL server for tests, from whatever binaries the machine has."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PASSWORD = "a password for loopback"
_USER = "ledger"


def find_binaries() -> Path | None:
    """Return the folder of the newest installed server's binaries, None where there is none."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if candidates:
        return candidates[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """A server on a free loopback port with a data directory of its own, gone when the context ends."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._directory = Path(tempfile.mkdtemp(prefix="cheapfirst-postgres-"))
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self._directory, entry.pw_uid, entry.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    def url(self, database: str) -> str:
        """Return the address of a database on this server."""
        return f"postgresql://{_USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        password_file = self._directory / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        data = self._directory / "data"
        self._run(
            "initdb", "-D", data, "-U", _USER, "--pwfile", password_file, "-A", "scram-sha-256", "-N", "-E", "UTF8"
        )
        self.start()
        return self

    def move_log_to(self, folder: Path) -> None:
        """Keep the write-ahead log in another folder from now on, on a disk of its own. Stops and starts the server."""
        self.stop()
        log = self._directory / "data" / "pg_wal"
        shutil.copytree(log, folder)
        for path in (folder, *folder.rglob("*")):
            if self.user:
                shutil.chown(path, self.user)
        folder.chmod(0o700)
        shutil.rmtree(log)
        log.symlink_to(folder)
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        try:
            os.kill(self.pid, 0)
        except (OSError, ValueError, IndexError):  # its file goes with it
            return False
        return True

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        return int((self._directory / "data" / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c max_connections=200"
        )
        self._run(
            "pg_ctl", "-w", "-D", self._directory / "data", "-l", self._directory / "log", "-o", settings, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop the server."""
        self._run("pg_ctl", "-w", "-D", self._directory / "data", "-m", mode, "stop")

    def kill(self) -> None:
        """Kill every process of the server with SIGKILL, and return once all are gone."""
        first = self.pid
        family = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        watched = [os.pidfd_open(pid) for pid in family]
        for process in watched:
            with suppress(ProcessLookupError):  # a connection's process may end by itself
                signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in watched:
            select.select([process], [], [])
            os.close(process)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop("immediate")
        shutil.rmtree(self._directory)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            user=self.user,
            stdout=subprocess.DEVNULL,
            cwd=self._directory,
        )
