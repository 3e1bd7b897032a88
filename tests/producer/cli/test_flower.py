from __future__ import annotations

import os
import subprocess
from contextlib import closing
from http.client import HTTPConnection
from socket import socket
from typing import TYPE_CHECKING

import pytest

from producer.embedded.redis_server import EmbeddedRedis
from tests.support.runs import COMMAND, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def deployment(cheapfirst: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a deployment file."""
    monkeypatch.chdir(tmp_path)
    assert cheapfirst("init").code == 0


def test_there_must_be_a_broker_to_watch(cheapfirst: CommandLine) -> None:
    """The error says what brings one."""
    ended = cheapfirst("flower")
    assert (ended.code, "There is no broker to watch" in ended.err) == (2, True)


def test_other_machines_need_a_password_of_your_choice(
    cheapfirst: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before anything listens."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    ended = cheapfirst("flower", "--address", "0.0.0.0")
    assert (ended.code, "FLOWER_PASSWORD" in ended.err) == (2, True)


def test_the_page_of_a_running_broker_asks_for_the_printed_password(home: Path) -> None:
    """`cheapfirst flower` finds the broker of a run in its home, and prints a new password once."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*COMMAND, "flower", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (
        EmbeddedRedis(home / "redis"),
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process,
    ):
        assert process.stderr is not None
        try:
            assert f"http://127.0.0.1:{port}/ for the user cheapfirst" in process.stderr.readline()
            assert process.stderr.readline().startswith("Its password, told only now: ")
            assert _status(process, port) == 401
        finally:
            process.terminate()
            process.stderr.read()


def _status(process: subprocess.Popen[str], port: int) -> int:
    """Return the status of the front page, as soon as somebody answers there."""
    while True:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", "/")
                return connection.getresponse().status
            except ConnectionRefusedError:
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise
