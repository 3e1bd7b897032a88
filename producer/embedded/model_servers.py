"""Loopback model servers that `run` starts beside its workers: offline engines and recorded models."""

from __future__ import annotations

import re
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from producer.embedded.child_process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from routing.deployment import ServerSpec

ANNOUNCE_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02
ANNOUNCEMENT = re.compile(r'^\{"base_url": "([^"]+)"\}\n', re.MULTILINE)


@contextmanager
def model_servers(servers: Mapping[str, ServerSpec], directory: Path) -> Iterator[dict[str, str]]:
    """Yield the base URL of each server, by its name, and stop all of them at the end.

    They also end when this process is killed. Their logs are in `directory`. Raises ServiceUnreachableError, naming the
    server, its last line and its log, where one does not come up.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as running:
        # All are started before the first is waited for: most of the time is spent importing.
        processes = {
            name: running.enter_context(
                ChildProcess(f"Model server {name}", _command(server), directory / f"server-{name}.log")
            )
            for name, server in servers.items()
        }
        yield {name: _announced_base_url(process) for name, process in processes.items()}


def _command(server: ServerSpec) -> list[str]:
    source = ["--engines", server.engines] if server.engines else ["--recordings", server.recordings]
    return [sys.executable, "-m", "evaluation.model_server", *source, "--port", "0"]


def _announced_base_url(process: ChildProcess) -> str:
    deadline = time.monotonic() + ANNOUNCE_WITHIN_S
    while time.monotonic() < deadline:
        ended = process.wait(LOOK_EVERY_S) is not None
        base_url = _base_url_in(process.log_file.read_text(encoding="utf-8", errors="replace"))
        if base_url:
            return base_url
        if ended:
            break
    raise process.failed_to_start("Mend the file it names, then run again.")


def _base_url_in(log: str) -> str:
    """Return the URL of the first whole line that announces one, empty where there is none yet."""
    announced = ANNOUNCEMENT.search(log)
    return announced[1] if announced else ""
