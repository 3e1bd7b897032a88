from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from producer.cli import ending
from producer.cli.app import app
from routing.errors import CallRefusedError, NotFoundError, ProviderTroubleError, ServiceUnreachableError, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine, Ended

HELP_CPU_S = 0.3
COMMANDS = (
    *("init", "check", "run", "submit", "jobs", "status", "results", "items", "show"),
    *("retry", "cancel", "scale", "worker", "flower", "report", "demo", "db"),
)


def test_help_answers_at_once() -> None:
    """`cheapfirst --help` imports nothing it does not show: no database, no broker, no HTTP."""
    code = (
        "import sys\n"
        "from producer.cli.app import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'celery', 'redis', 'httpx', 'pydantic', 'rich', 'alembic', 'orjson'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < HELP_CPU_S


def test_the_commands_are_the_promised_ones(cheapfirst: CommandLine) -> None:
    """Each is listed, and each answers --help."""
    listed = cheapfirst("--help").out
    for command in COMMANDS:
        assert f"\n  {command} " in listed
        assert cheapfirst(command, "--help").code == 0


def test_the_version_is_printed(cheapfirst: CommandLine) -> None:
    """It is that of the installed distribution."""
    assert cheapfirst("--version").out.startswith("cheapfirst 0.")


@pytest.mark.parametrize("arguments", [["nope"], ["run"], ["status", "--nope"], ["scale", "cheap", "many"]])
def test_wrong_usage_ends_with_2(cheapfirst: CommandLine, arguments: list[str]) -> None:
    """The command line says what is wrong with it."""
    ended = cheapfirst(*arguments)
    assert ended.code == 2
    assert "Error" in ended.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("There is none.", "Look elsewhere."), 2),
        (ServiceUnreachableError("It is down."), 3),
        (ProviderTroubleError("It is busy.", Trouble.TIMEOUT), 3),
        (CallRefusedError("The key is refused.", 401), 3),
    ],
)
def test_an_expected_error_is_one_line_on_stderr(cheapfirst: CommandLine, error: Exception, code: int) -> None:
    """What happened and what to do next, and the exit code of its kind."""
    ended = _raising(cheapfirst, error)
    assert (ended.code, ended.out, ended.err) == (code, "", f"cheapfirst: {error}\n")


def test_a_fault_of_ours_is_one_line_and_a_file(cheapfirst: CommandLine, home: Path) -> None:
    """The file says where it happened; the error's own words stay out, because they may quote a document."""
    ended = _raising(cheapfirst, ValueError("secret words of a document"))
    assert ended.code == 70
    assert "This program is at fault (ValueError)" in ended.err
    (log,) = (home / "logs").iterdir()
    assert str(log) in ended.err
    kept = log.read_text()
    assert "in boom" in kept
    assert "secret" not in kept + ended.err


def test_a_fault_is_told_whole_where_no_file_can_be_written(cheapfirst: CommandLine, home: Path) -> None:
    """A home that is no folder does not hide the place."""
    home.touch()
    assert "in boom" in _raising(cheapfirst, ValueError("x")).err


def test_ctrl_c_ends_with_130(cheapfirst: CommandLine) -> None:
    """Interrupted is told apart from failed."""
    assert _raising(cheapfirst, KeyboardInterrupt()).code == ending.ExitCode.INTERRUPTED


def _raising(cheapfirst: CommandLine, error: BaseException) -> Ended:
    """Run a command that raises this."""

    def boom() -> None:
        raise error

    app.command("boom")(boom)
    try:
        return cheapfirst("boom")
    finally:
        app.registered_commands.pop()


def test_an_interrupt_that_a_library_made_an_error_of_is_an_interrupt(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of an import may come out as a fault of that import."""

    def fail(*_: object) -> None:
        raise ImportError("half imported") from KeyboardInterrupt()

    monkeypatch.setattr("workers.settings.read_settings", fail)
    ended = cheapfirst("jobs")
    assert (ended.code, ended.out, ended.err) == (130, "", "")
