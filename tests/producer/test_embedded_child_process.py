from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from producer.embedded.child_process import ChildProcess
from routing.errors import ServiceUnreachableError
from tests.support.processes import ends_within, python

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20.0

TELLS_ITS_PID = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + TELLS_ITS_PID


def first_line(child: ChildProcess) -> str:
    """Wait until the child has written a line."""
    while not (text := child.log_file.read_text()).endswith("\n"):
        assert child.wait(0.01) is None
    return text.strip()


def test_exit_code_of_the_command_is_told(tmp_path: Path) -> None:
    """wait() returns the command's own exit code."""
    with ChildProcess("example", python("raise SystemExit(7)"), tmp_path / "log") as child:
        assert child.wait(WAIT_S) == 7


def test_signal_that_ended_the_command_is_told(tmp_path: Path) -> None:
    """A command that a signal ended has 128 + its number as exit code, as in a shell."""
    with ChildProcess("example", python(TELLS_ITS_PID), tmp_path / "log") as child:
        os.kill(int(first_line(child)), signal.SIGKILL)
        assert child.wait(WAIT_S) == 128 + signal.SIGKILL


def test_command_runs_until_stopped(tmp_path: Path) -> None:
    """Leaving the context ends the command; stopping again does nothing."""
    with ChildProcess("example", python(TELLS_ITS_PID), tmp_path / "log") as child:
        pid = int(first_line(child))
        assert child.wait(0.0) is None
    assert ends_within(pid, 0)
    child.stop()


def test_command_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    """After the grace time a command that ignores SIGTERM is killed."""
    with ChildProcess("example", python(IGNORES_SIGTERM), tmp_path / "log", grace_s=0.1) as child:
        pid = int(first_line(child))
    assert ends_within(pid, 0)


def test_terminated_watchdog_takes_the_command_along(tmp_path: Path) -> None:
    """SIGTERM to the process that watches is passed on, so that no command is left without one."""
    with ChildProcess("example", python(TELLS_ITS_PID), tmp_path / "log") as child:
        first_line(child)
        child._process.terminate()
        assert child.wait(WAIT_S) == 128 + signal.SIGTERM


def test_environment_is_given_or_ours(tmp_path: Path) -> None:
    """The command sees the environment it is given, and ours where it is given none."""
    code = "import os; print(os.environ.get('SECRET'), 'PATH' in os.environ)"
    with ChildProcess("example", python(code), tmp_path / "log", {"SECRET": "only here"}) as child:
        assert child.wait(WAIT_S) == 0
    assert child.log_tail() == "only here False"
    with ChildProcess("example", python(code), tmp_path / "log") as child:
        assert child.wait(WAIT_S) == 0
    assert child.log_tail() == "None True"


def test_log_is_private(tmp_path: Path) -> None:
    """What the command writes, errors included, is in a file that only its owner reads."""
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    with ChildProcess("example", python(code), tmp_path / "log") as child:
        child.wait(WAIT_S)
    assert child.log_tail() == "out\nerr"
    assert child.log_file.stat().st_mode & 0o777 == 0o600


def test_long_log_is_cut_at_its_beginning(tmp_path: Path) -> None:
    """The tail of a log is its last 2 000 bytes."""
    with ChildProcess("example", python("print('x' * 5000 + 'end')"), tmp_path / "log") as child:
        child.wait(WAIT_S)
    assert len(child.log_tail()) < 2_001
    assert child.log_tail().endswith("xend")


def test_command_that_does_not_exist(tmp_path: Path) -> None:
    """A command that cannot be started ends with 127 and says so in its log."""
    with ChildProcess("example", ["/nowhere/server"], tmp_path / "log") as child:
        assert child.wait(WAIT_S) == 127
    assert str(child.failed_to_start("Look there.")) == (
        "example did not start: cannot start /nowhere/server: No such file or directory "
        f"(log: {tmp_path / 'log'}). Look there."
    )


def test_silent_command_is_said_to_be_silent(tmp_path: Path) -> None:
    """The error about a command that wrote nothing says so."""
    with ChildProcess("example", python("pass"), tmp_path / "log") as child:
        child.wait(WAIT_S)
    assert "it wrote nothing" in str(child.failed_to_start(""))


def test_unwritable_log_is_a_typed_error(tmp_path: Path) -> None:
    """A log file that cannot be opened is told with its path."""
    with pytest.raises(ServiceUnreachableError, match="log of example cannot be written"):
        ChildProcess("example", python("pass"), tmp_path / "missing" / "log")


def test_command_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """Nothing keeps running when the process that started the command gets kill -9, even if it ignores SIGTERM."""
    parent_code = (
        "import signal, sys; from pathlib import Path; from producer.embedded.child_process import ChildProcess;"
        "child = ChildProcess('example', [sys.executable, '-c', sys.argv[1]], Path(sys.argv[2]), grace_s=0.1);"
        "print(flush=True); signal.pause()"
    )
    log_file = tmp_path / "log"
    with subprocess.Popen([*python(parent_code), IGNORES_SIGTERM, str(log_file)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        with ChildProcess("reader", ["tail", "-f", str(log_file)], tmp_path / "copy") as reader:
            pid = int(first_line(reader))
        parent.kill()
    assert ends_within(pid, WAIT_S)
