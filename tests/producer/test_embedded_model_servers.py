from __future__ import annotations

import json
import subprocess
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from producer.embedded.model_servers import model_servers
from routing.deployment import ServerSpec
from routing.errors import ServiceUnreachableError
from tests.support.processes import ends_within, python

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20.0


def engines(folder: Path, model: str) -> ServerSpec:
    """Write an engines file with one model, and return the server that serves it."""
    file = folder / f"{model}.py"
    file.write_text(f"ENGINES = {{{model!r}: lambda request: 'an answer'}}\n")
    return ServerSpec(name=model, engines=str(file))


def models_at(base_url: str) -> list[str]:
    """Ask a server which models it has."""
    parts = urlsplit(base_url)
    connection = HTTPConnection("127.0.0.1", parts.port or 0, timeout=WAIT_S)
    try:
        connection.request("GET", f"{parts.path}/models")
        return [model["id"] for model in json.loads(connection.getresponse().read())["data"]]
    finally:
        connection.close()


def test_each_server_answers_at_its_own_address(tmp_path: Path) -> None:
    """Every server of a deployment is up inside the context, each for its own models, and gone after it."""
    servers = {name: engines(tmp_path, name) for name in ("small", "large")}
    with model_servers(servers, tmp_path / "logs") as base_urls:
        assert {name: models_at(url) for name, url in base_urls.items()} == {"small": ["small"], "large": ["large"]}
    with pytest.raises(ConnectionRefusedError):
        models_at(base_urls["small"])


def test_recordings_are_served(tmp_path: Path) -> None:
    """A server of recorded models is started from its file of recordings."""
    file = tmp_path / "records.jsonl"
    recording = {"output": '{"committee": "A"}', "correct": True, "correct_norm": True}
    mail = {"subject": "s", "from": "f", "body": "Paid for by A"}
    record = {"id": "1", "input": mail, "reference": {"committee": "A"}, "models": {"gpt-4o": recording}}
    file.write_text(json.dumps(record) + "\n")
    servers = {"recorded": ServerSpec(name="recorded", recordings=str(file))}
    with model_servers(servers, tmp_path / "logs") as base_urls:
        assert models_at(base_urls["recorded"]) == ["gpt-4o"]


def test_server_that_does_not_start(tmp_path: Path) -> None:
    """A server that cannot start is told by name, with its last line and its log; the others are stopped."""
    (tmp_path / "broken.py").write_text("ENGINES = nothing\n")
    servers = {
        "small": engines(tmp_path, "small"),
        "broken": ServerSpec(name="broken", engines=str(tmp_path / "broken.py")),
    }
    with pytest.raises(ServiceUnreachableError) as caught, model_servers(servers, tmp_path / "logs"):
        pass
    assert "Model server broken did not start" in str(caught.value)
    assert "broken.py cannot be loaded: NameError" in str(caught.value)
    assert "server-broken.log" in str(caught.value)


def test_server_that_writes_before_it_announces_itself(tmp_path: Path) -> None:
    """Whatever an engines file prints while it is loaded does not hide the server's address."""
    file = tmp_path / "chatty.py"
    file.write_text("print('{not json}'); print('{}'); ENGINES = {'chatty': lambda request: ''}\n")
    servers = {"chatty": ServerSpec(name="chatty", engines=str(file))}
    with model_servers(servers, tmp_path / "logs") as base_urls:
        assert models_at(base_urls["chatty"]) == ["chatty"]


def test_server_ends_with_a_killed_run(tmp_path: Path) -> None:
    """A kill -9 of the process that started the server leaves no server behind."""
    engines_file = tmp_path / "telling.py"
    engines_file.write_text("import os; print(os.getpid(), flush=True); ENGINES = {'small': lambda request: ''}\n")
    code = (
        "import signal, sys; from pathlib import Path; from routing.deployment import ServerSpec;"
        "from producer.embedded.model_servers import model_servers\n"
        "with model_servers({'s': ServerSpec(name='s', engines=sys.argv[1])}, Path(sys.argv[2])):\n"
        "    print(flush=True); signal.pause()"
    )
    command = [*python(code), str(engines_file), str(tmp_path / "logs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        pid = int((tmp_path / "logs" / "server-s.log").read_text().split()[0])
        run.kill()
    assert ends_within(pid, WAIT_S)
