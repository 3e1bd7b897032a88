from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from producer.embedded import watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[int]:
    """Open a descriptor that says something once anyone writes to the file `lifeline`."""
    handler = signal.getsignal(signal.SIGTERM)
    os.mkfifo(tmp_path / "lifeline")
    descriptor = os.open(tmp_path / "lifeline", os.O_RDWR)
    yield descriptor
    os.write(descriptor, b".")  # the watching thread of a command that ended by itself still waits
    os.close(descriptor)
    signal.signal(signal.SIGTERM, handler)


def test_command_ends_by_itself(lifeline: int) -> None:
    """The watchdog ends with its command, with the same exit code."""
    assert watchdog.main(["1", sys.executable, "-c", "raise SystemExit(3)"], lifeline) == 3


def test_parent_is_gone(lifeline: int, tmp_path: Path) -> None:
    """The command is asked to end once the lifeline says that the parent has ended."""
    code = f"import signal; open({str(tmp_path / 'lifeline')!r}, 'w').write('.'); signal.pause()"
    assert watchdog.main(["60", sys.executable, "-c", code], lifeline) == 128 + signal.SIGTERM


def test_command_does_not_want_to_end(lifeline: int, tmp_path: Path) -> None:
    """A command that ignores the request is killed after the grace time."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{ignore}; open({str(tmp_path / 'lifeline')!r}, 'w').write('.'); signal.pause()"
    assert watchdog.main(["0.1", sys.executable, "-c", code], lifeline) == 128 + signal.SIGKILL


def test_request_to_end_is_passed_on(lifeline: int) -> None:
    """SIGTERM to the watchdog ends its command, and the watchdog after it."""
    code = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    assert watchdog.main(["60", sys.executable, "-c", code], lifeline) == 128 + signal.SIGTERM


def test_command_cannot_be_started(lifeline: int, capfd: pytest.CaptureFixture[str]) -> None:
    """A command that does not exist is told by name, with the shell's exit code for it."""
    assert watchdog.main(["1", "/nowhere/server"], lifeline) == watchdog.CANNOT_RUN
    assert capfd.readouterr().err == "cannot start /nowhere/server: No such file or directory\n"
