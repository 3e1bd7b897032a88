from __future__ import annotations

import contextlib
import re
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection

from producer.embedded.child_process import ChildProcess
from producer.embedded.redis_server import EmbeddedRedis
from producer.flower import FlowerCommand, flower_command
from routing.errors import UsageError
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER = "redis://:broker-password@127.0.0.1:6379/0"


def test_password_is_generated() -> None:
    """Without a password of the user's choice, each command has a new long one."""
    first, second = flower_command(BROKER), flower_command(BROKER)
    assert first.generated
    assert len(first.password) >= 24
    assert first.password != second.password
    assert first.environment["FLOWER_BASIC_AUTH"] == f"cheapfirst:{first.password}"


def test_chosen_password_is_used() -> None:
    """A password of the user's choice is used and not told again."""
    command = flower_command(BROKER, password="hunter2")
    assert not command.generated
    assert command.environment["FLOWER_BASIC_AUTH"] == "cheapfirst:hunter2"


def test_passwords_are_not_arguments() -> None:
    """Neither the broker's password nor Flower's is in the arguments or in what a log would show of the command."""
    command = flower_command(BROKER, password="hunter2")
    assert not [argument for argument in command.argv if "hunter2" in argument or "broker-password" in argument]
    assert "hunter2" not in repr(command)
    assert "broker-password" not in repr(command)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_chosen_password(address: str) -> None:
    """Only this machine reaches a loopback address."""
    assert flower_command(BROKER, address=address).generated


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.1.4", "flower.example.org"])
def test_other_addresses_need_a_chosen_password(address: str) -> None:
    """An address that other machines reach is refused without a password, and accepted with one."""
    with pytest.raises(UsageError, match="Set FLOWER_PASSWORD"):
        flower_command(BROKER, address=address)
    assert f"--address={address}" in flower_command(BROKER, address=address, password="hunter2").argv


@pytest.mark.parametrize("password", ["a,b", "two words", "пароль", "tab\t", "line\n"])
def test_password_that_flower_would_misread(password: str) -> None:
    """Flower takes `a,b` for two passwords and fails on what is not ASCII, so that both are refused."""
    with pytest.raises(UsageError, match="FLOWER_PASSWORD"):
        flower_command(BROKER, password=password)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1))
def test_any_other_password_is_one_credential(password: str) -> None:
    """What is accepted stays one credential when Flower splits the list at commas."""
    credentials = flower_command(BROKER, password=password).environment["FLOWER_BASIC_AUTH"].split(",")
    assert credentials == [f"cheapfirst:{password}"]


def test_url_of_an_ipv6_address() -> None:
    """An IPv6 address stands in brackets in the URL."""
    assert flower_command(BROKER, address="::1", port=5556).url == "http://[::1]:5556/"


@dataclass(frozen=True, slots=True)
class RunningFlower:
    """Flower on a port of its own, watching a broker of its own."""

    command: FlowerCommand
    broker_url: str
    port: int

    def get(self, path: str, password: str | None = None) -> tuple[int, str]:
        """Ask for a page; with a password, as user cheapfirst."""
        token = b64encode(f"cheapfirst:{password}".encode()).decode()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={} if password is None else {"Authorization": f"Basic {token}"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def wait_for_port(child: ChildProcess) -> int:
    """Wait until Flower says where it listens."""
    while not (told := re.search(r"Visit me at http://127.0.0.1:(\d+)", child.log_tail())):
        assert child.wait(0.05) is None, child.log_tail()
    return int(told[1])


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFlower]:
    """Start Flower where a flowerconfig.py tries to take its password away."""
    folder = tmp_path_factory.mktemp("flower")
    (folder / "flowerconfig.py").write_text("basic_auth = []\n")
    (folder / "cheapfirst.yaml").write_text("models: {small: {provider: openai, model: gpt-5-nano}}\n")
    environment = read_settings().environment() | {"CHEAPFIRST_DEPLOYMENT": str(folder / "cheapfirst.yaml")}
    with EmbeddedRedis(folder / "redis") as redis:
        command = flower_command(redis.url, port=0)
        with (
            contextlib.chdir(folder),
            ChildProcess("Flower", command.argv, folder / "log", environment | command.environment) as child,
        ):
            yield RunningFlower(command, redis.url, wait_for_port(child))


@pytest.mark.parametrize("path", ["/", "/broker", "/tasks", "/workers", "/api/workers", "/api/queues/length"])
def test_every_page_asks_for_the_password(flower: RunningFlower, path: str) -> None:
    """Nobody sees a page without the password, and who has it sees each."""
    assert flower.get(path)[0] == 401
    assert flower.get(path, "wrong")[0] == 401
    assert flower.get(path, flower.command.password)[0] == 200


def test_broker_page_shows_the_length_of_both_queues(flower: RunningFlower) -> None:
    """The broker page lists the queues of both tiers with what waits there, before any worker is up."""
    with Connection(flower.broker_url) as connection:
        for queue, messages in {"cheap": 3, "expensive": 1}.items():
            with connection.SimpleQueue(queue) as waiting:
                for _ in range(messages):
                    waiting.put({})
    _, page = flower.get("/broker", flower.command.password)
    cells = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "cheap 3" in cells
    assert "expensive 1" in cells


def test_page_hides_the_password_of_the_broker(flower: RunningFlower) -> None:
    """The broker page shows where the broker is, not how to get in."""
    _, page = flower.get("/broker", flower.command.password)
    assert f"127.0.0.1:{urlsplit(flower.broker_url).port}" in page
    assert (urlsplit(flower.broker_url).password or "?") not in page


def test_running_flower_shows_no_password_to_other_users(flower: RunningFlower) -> None:
    """No process of this machine has Flower's password or the broker's among its arguments."""
    lines = subprocess.run(["ps", "-ewwo", "args"], check=True, capture_output=True, text=True).stdout
    assert "flower --address=127.0.0.1" in lines
    assert flower.command.password not in lines
    assert (urlsplit(flower.broker_url).password or "?") not in lines
