from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis

from producer.embedded.redis_server import EmbeddedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.database import Database
    from tests.support.command_line import CommandLine


class Provider(BaseHTTPRequestHandler):
    """Answers every chat completion, for those who bring the key."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers["Authorization"] == "Bearer right"
        body = b'{"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}' if allowed else b"{}"
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of a provider."""
    with HTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(cheapfirst: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the first task."""
    monkeypatch.chdir(tmp_path)
    assert cheapfirst("init").code == 0
    return tmp_path


def deploy(folder: Path, *models: str) -> None:
    """Write a deployment of these models."""
    lines = "".join(f"  {model}\n" for model in models)
    (folder / "cheapfirst.yaml").write_text(f"models:\n{lines}")


def found(cheapfirst: CommandLine, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of `check`, and its findings by subject."""
    ended = cheapfirst("check", *arguments, "--json")
    return ended.code, {finding["subject"]: finding for finding in ended.json}


def test_the_first_task_has_all_it_needs(cheapfirst: CommandLine, folder: Path) -> None:
    """Its model server is started to see that it comes up, and stopped again."""
    ended = cheapfirst("check", "invoices")
    assert ended.code == 0, ended.out
    lines = ended.out.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any("versions: Python 3." in line for line in lines)
    assert any("broker: REDIS_URL is not set: `cheapfirst run` starts" in line for line in lines)
    assert any("model small: its loopback server `offline` comes up" in line for line in lines)


def test_configured_services_are_reached(
    cheapfirst: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, home_ledger: Database
) -> None:
    """Broker, ledger and clock each say how they stand."""
    with EmbeddedRedis(folder / "redis") as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        code, findings = found(cheapfirst, "invoices")
    assert code == 0
    assert findings["broker"]["message"] == "answers"
    assert "is at version" in findings["ledger"]["message"]
    assert findings["clock"]["level"] == "ok"


def test_services_that_are_away_end_it_with_3(
    cheapfirst: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is found and told with its remedy; the first does not hide the next."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/ledger")
    code, findings = found(cheapfirst, "invoices")
    assert code == 3
    assert (findings["broker"]["level"], findings["broker"]["fix"]) == (
        "unreachable",
        "Start Redis, or correct REDIS_URL.",
    )
    assert findings["ledger"]["level"] == "unreachable"


def test_every_mistake_in_the_files_is_a_finding(cheapfirst: CommandLine, folder: Path) -> None:
    """Wrong files end it with 2, a model the deployment lacks is one of them."""
    deploy(folder, "large: {provider: openai, model: m, server: offline, price: {input: 1, output: 1}}")
    code, findings = found(cheapfirst, "invoices")
    assert code == 2
    assert "cheapfirst.yaml" in findings["deployment"]["message"]
    deploy(
        folder, 'other: {provider: openai, model: m, base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 1}}'
    )
    code, findings = found(cheapfirst, "invoices")
    assert (code, findings["model small"]["level"], findings["model small"]["fix"]) == (
        2,
        "wrong",
        "Add it under `models`.",
    )
    code, findings = found(cheapfirst, "absent")
    assert (code, findings["task"]["level"]) == (2, "wrong")


def test_a_provider_is_asked_with_its_key(
    cheapfirst: CommandLine, folder: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing key is wrong, a refused one unreachable, the right one answers; the key is never printed."""
    model = f'provider: openai, model: m, base_url: "{provider}", api_key: env:A_KEY, price: {{input: 1, output: 1}}'
    deploy(folder, f"small: {{{model}}}")
    code, findings = found(cheapfirst)
    assert (code, "A_KEY is not set" in findings["model small"]["message"]) == (2, True)
    monkeypatch.setenv("A_KEY", "mistyped-secret")
    ended = cheapfirst("check")
    assert (ended.code, "mistyped-secret" in ended.out + ended.err) == (3, False)
    assert "Look at its base_url, its model name, its key" in ended.out
    monkeypatch.setenv("A_KEY", "right")
    code, findings = found(cheapfirst)
    assert (code, findings["model small"]["message"]) == (0, "answers")


def test_a_broker_that_is_not_safe_to_rely_on_is_advice(
    cheapfirst: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eviction and a missing password are told with their remedies, and do not change the exit code."""
    with EmbeddedRedis(folder / "redis") as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("requirepass", "")
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{urlsplit(server.url).port}/0")
        ended = cheapfirst("check", "invoices", "--json")
        with redis.Redis.from_url(f"redis://127.0.0.1:{urlsplit(server.url).port}/0") as client:
            client.config_set("requirepass", urlsplit(server.url).password or "")
    advice = [finding for finding in ended.json if finding["level"] == "advice"]
    assert (ended.code, [finding["subject"] for finding in advice]) == (0, ["broker", "broker"])
    assert "allkeys-lru" in advice[0]["message"]
    assert "maxmemory-policy noeviction" in advice[0]["fix"]
    assert "requirepass" in advice[1]["fix"]


def test_a_flag_that_a_rule_names_and_nobody_set_is_advice(cheapfirst: CommandLine, folder: Path) -> None:
    """Such a rule would never hold, and nothing else would tell; a flag that is set, even to false, is quiet."""
    rules = 'route: {rules: [{id: careful, if: "flags.care and flags.extra == 1", tier: expensive}]}\n'
    with (folder / "invoices" / "task.yaml").open("a") as file:
        file.write(rules)
    with (folder / "cheapfirst.yaml").open("a") as file:
        file.write("flags: {care: false}\n")
    code, findings = found(cheapfirst, "invoices")
    assert (code, findings["flag extra"]["level"]) == (0, "advice")
    assert "careful" in findings["flag extra"]["message"]
    assert "flag care" not in findings


def test_a_server_the_environment_names_is_reached(
    cheapfirst: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """CHEAPFIRST_SERVER_<NAME> is what workers would use: it is looked at, and no other is started in its place."""
    monkeypatch.setenv("CHEAPFIRST_SERVER_OFFLINE", provider)
    code, findings = found(cheapfirst, "invoices")
    assert code == 0
    assert "CHEAPFIRST_SERVER_OFFLINE" in findings["model small"]["message"]
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("CHEAPFIRST_SERVER_OFFLINE", f"http://127.0.0.1:{port}/v1")
    code, findings = found(cheapfirst, "invoices")
    assert (code, findings["model small"]["level"]) == (3, "unreachable")
    assert f"nothing answers at 127.0.0.1:{port}" in findings["model small"]["message"]
    monkeypatch.setenv("CHEAPFIRST_SERVER_OFFLINE", "nonsense")
    assert found(cheapfirst, "invoices")[0] == 2
