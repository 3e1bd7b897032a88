"""How a command ends: its exit code, and the one line that says what went wrong."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from producer.cli.printable import printable
from routing.errors import AnswerRejectedError, CheapfirstError, ProviderError, ServiceUnreachableError

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
    if job.state is not JobState.STOPPED or job.stop_reason is None:
        return ExitCode.INTERRUPTED
    return {
        StopReason.BUDGET: ExitCode.BUDGET,
        StopReason.DAY_BUDGET: ExitCode.BUDGET,
        StopReason.PROVIDER_REFUSED: ExitCode.UNREACHABLE,
        StopReason.TASK_UNUSABLE: ExitCode.WRONG_USAGE,
        StopReason.ESCALATIONS: ExitCode.GATE_FAILED,
    }[job.stop_reason]


def of_error(error: CheapfirstError) -> ExitCode:
    """Return how a command that raised this ends."""
    if isinstance(error, ServiceUnreachableError | ProviderError):
        return ExitCode.UNREACHABLE
    if isinstance(error, AnswerRejectedError):
        return ExitCode.ITEMS_FAILED
    return ExitCode.WRONG_USAGE


def tell(error: CheapfirstError) -> None:
    """Say what happened and what to do next, on stderr. It may quote what a stranger wrote."""
    print(f"cheapfirst: {printable(str(error))}", file=sys.stderr)  # noqa: T201 - this is the command line


def tell_fault(error: Exception) -> None:
    """Say that this program is at fault, and keep where it happened in a file.

    The error's own message is kept out of it, because it may quote a document.
    """
    place = "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__qualname__}\n"
    try:
        told = f"Where is in {_keep(place)}; please report it."
    except (OSError, CheapfirstError):
        told = f"Please report it:\n{place}"
    print(f"cheapfirst: This program is at fault ({type(error).__qualname__}). {told}", file=sys.stderr)  # noqa: T201


def _keep(place: str) -> Path:
    from producer.home import make_folder
    from workers.settings import read_settings

    file = make_folder(read_settings().home / "logs") / f"fault-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"
    file.write_text(place, encoding="utf-8")
    return file
