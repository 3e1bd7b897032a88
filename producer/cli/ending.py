"""How a command ends: its exit code, and the one line that says what went wrong."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from routing.errors import CheapfirstError, ProviderError, ServiceUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

    from storage.jobs import JobRecord


class ExitCode(IntEnum):
    """What a script may rely on. Never renumber one."""

    DONE = 0
    ITEMS_FAILED = 1
    WRONG_USAGE = 2
    UNREACHABLE = 3  # a service, or a provider that refuses the key, the account or the model's name
    BUDGET = 4
    GATE_FAILED = 5
    INTERNAL = 70  # a fault of this program; the number is EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130


def of_job(job: JobRecord) -> ExitCode:
    """Return how a command that waited for a job ends."""
    from storage.states import JobState, StopReason

    if job.state is JobState.DONE:
        return ExitCode.ITEMS_FAILED if job.items_failed else ExitCode.DONE
    if job.state is JobState.STOPPED:
        return ExitCode.BUDGET if job.stop_reason is StopReason.BUDGET else ExitCode.UNREACHABLE
    return ExitCode.INTERRUPTED


def of_error(error: CheapfirstError) -> ExitCode:
    """Return how a command that raised this ends."""
    if isinstance(error, ServiceUnreachableError | ProviderError):
        return ExitCode.UNREACHABLE
    return ExitCode.WRONG_USAGE


def tell(error: CheapfirstError) -> None:
    """Say what happened and what to do next, on stderr."""
    print(f"cheapfirst: {error}", file=sys.stderr)  # noqa: T201 - this is the command line


def tell_fault(error: Exception, log_directory: Path) -> None:
    """Say that this program is at fault, and keep where it happened in a file.

    The error's own message is kept out of it, because it may quote a document.
    """
    file = log_directory / f"fault-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"
    frames = "".join(traceback.format_tb(error.__traceback__))
    try:
        log_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(f"{frames}{type(error).__qualname__}\n", encoding="utf-8")
        where = f"Where it happened is in {file}; please report it."
    except OSError:
        where = f"It happened in:\n{frames}"
    print(f"cheapfirst: A fault of this program ({type(error).__qualname__}). {where}", file=sys.stderr)  # noqa: T201
