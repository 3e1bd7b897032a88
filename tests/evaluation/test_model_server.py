"""The loopback model server as a program of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from evaluation.model_server.faults import Fault, FaultPlan, parse_shares
from evaluation.model_server.server import ModelServer
from routing.errors import UsageError

ENGINES = "ENGINES = {'echo': lambda request: request.messages[-1].content}\n"


@contextmanager
def _serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "evaluation.model_server", *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        yield json.loads(server.stdout.readline())["base_url"], server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def _ask(base_url: str, model: str = "echo", text: str = "hello") -> dict[str, Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{base_url}/chat/completions", body)) as answer:
        answered: dict[str, Any] = json.load(answer)
        return answered


def _get(base_url: str, path: str) -> str:
    with urllib.request.urlopen(base_url.removesuffix("/v1") + path) as answer:
        return str(answer.read().decode())


def test_it_serves_engines_from_a_file_and_counts_calls(tmp_path: Path) -> None:
    """Models, health, answers with tokens, and a count of what was asked that holds no text."""
    (tmp_path / "engines.py").write_text(ENGINES)
    with _serving("--engines", str(tmp_path / "engines.py")) as (base_url, server):
        answer = _ask(base_url, text="a secret document")
        assert answer["choices"][0]["message"]["content"] == "a secret document"
        assert answer["usage"]["prompt_tokens"] == 5
        assert json.loads(_get(base_url, "/v1/models"))["data"][0]["id"] == "echo"
        assert _get(base_url, "/healthz") == "ok\n"
        calls = _get(base_url, "/calls")
        assert json.loads(calls)["answered"] == {"echo": 1}
        assert "secret" not in calls
        with pytest.raises(urllib.error.HTTPError) as caught:
            _ask(base_url, "nobody")
        assert caught.value.code == 404
        assert "echo" in caught.value.read().decode()
        caught.value.close()
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("engines.py", "raise ValueError('broken')\n", "broken"),
        ("engines.py", "x = 1\n", "defines no `ENGINES`"),
        ("other.py", ENGINES, "no engines file"),
    ],
)
def test_a_file_that_is_no_engines_is_told_in_a_line(tmp_path: Path, name: str, content: str, told: str) -> None:
    """The program ends with 2 and without a traceback."""
    (tmp_path / name).write_text(content)
    command = [sys.executable, "-m", "evaluation.model_server", "--engines", str(tmp_path / "engines.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_faults_are_repeatable() -> None:
    """The same seed and request meet the same faults, in about the share that was asked for."""
    shares = parse_shares("429=0.2, garbage=0.1")
    drawn = [[FaultPlan(dict(shares), 7).next_fault(b"%d" % number) for number in range(2000)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 300 < drawn[0].count(Fault.RATE_LIMITED) < 500
    assert 130 < drawn[0].count(Fault.GARBAGE) < 270


def test_a_request_that_is_tried_again_may_be_answered() -> None:
    """A fault belongs to a try, not to a document."""
    plan = FaultPlan({Fault.SERVER_ERROR: 0.5})
    assert {plan.next_fault(b"the same") for _ in range(50)} == {Fault.SERVER_ERROR, None}


def _begin(base_url: str, **order: object) -> None:
    body = json.dumps(order).encode()
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/storm", body) as answer:
        assert answer.status == 200


def _until_answered(base_url: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            _ask(base_url)
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline
        else:
            return


def test_a_storm_passes(tmp_path: Path) -> None:
    """While it lasts every call meets what was asked for, a refused connection included; then all is as before."""
    (tmp_path / "engines.py").write_text(ENGINES)
    with _serving("--engines", str(tmp_path / "engines.py"), "--storms") as (base_url, _):
        _begin(base_url, seconds=60, faults="429=1", retry_after="soon")
        with pytest.raises(urllib.error.HTTPError) as caught:
            _ask(base_url)
        assert (caught.value.code, caught.value.headers["Retry-After"]) == (429, "soon")
        caught.value.close()
        _begin(base_url, seconds=60, faults="half-closed=1")
        with pytest.raises(http.client.IncompleteRead):
            _ask(base_url)
        _begin(base_url, seconds=0.5, connections="refused")
        with pytest.raises(urllib.error.URLError, match="refused"):
            _ask(base_url)
        _until_answered(base_url)
        counted = json.loads(_get(base_url, "/calls"))
        assert (counted["answered"], counted["faulty"]) == ({"echo": 1}, {"429": 1, "half-closed": 1})
        assert list(counted["asked_by_document"].values()) == [3]


def test_a_call_whose_connection_is_cut_is_not_billed(tmp_path: Path) -> None:
    """The server's ledger counts no answer that its storm kept from arriving."""
    (tmp_path / "engines.py").write_text(ENGINES)
    arguments = ("--engines", str(tmp_path / "engines.py"), "--storms", "--latency-ms", "600")
    with _serving(*arguments) as (base_url, _), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_ask, base_url)
        while not json.loads(_get(base_url, "/calls/totals"))["in_flight"]:
            assert not asked.done()
        _begin(base_url, seconds=0.1, connections="cut")
        assert isinstance(asked.exception(10), OSError | http.client.HTTPException)
        _until_answered(base_url)
        counted = json.loads(_get(base_url, "/calls"))
        assert (counted["answered"], counted["cut"]) == ({"echo": 1}, {"echo": 1})


def test_kept_connections_are_cut_as_connections_are_refused(tmp_path: Path) -> None:
    """What callers ask on connections from before the storm reaches nobody, and none of it is billed."""
    (tmp_path / "engines.py").write_text(ENGINES)
    with _serving("--engines", str(tmp_path / "engines.py"), "--storms") as (base_url, _):
        address = urlsplit(base_url)
        assert address.hostname is not None
        kept = [http.client.HTTPConnection(address.hostname, address.port) for _ in range(8)]
        for connection in kept:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        _begin(base_url, seconds=0.3, connections="refused")
        for number, connection in enumerate(kept):
            body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": f"document {number}"}]})
            with suppress(OSError):  # a reset is told now or when the answer is read
                connection.request("POST", "/v1/chat/completions", body)
            with pytest.raises((OSError, http.client.HTTPException)):
                connection.getresponse()
            connection.close()
        _until_answered(base_url)
        assert json.loads(_get(base_url, "/calls"))["answered"] == {"echo": 1}


async def test_a_call_that_was_cut_before_it_began_is_not_billed() -> None:
    """Between the moment a call was read and the moment it is begun, a storm may have ended its connection."""
    server = ModelServer({"echo": lambda request: request.document})
    (chat,) = (
        route.handler
        for route in server.application().router.routes()
        if route.resource is not None and route.resource.canonical == "/v1/chat/completions"
    )
    connection = mock.create_autospec(asyncio.Transport, instance=True)
    billed = []
    for is_closing in (True, False, False):
        connection.is_closing.return_value = is_closing
        payload = StreamReader(mock.create_autospec(BaseProtocol, instance=True), 2**16)
        payload.feed_data(json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hello"}]}).encode())
        payload.feed_eof()
        await chat(make_mocked_request("POST", "/v1/chat/completions", payload=payload, transport=connection))
        billed.append((server.ledger.answered["echo"], server.ledger.cut["echo"], len(server.ledger.again)))
    assert billed == [(0, 1, 0), (1, 1, 0), (2, 1, 1)], "and the second answer to a document is listed"


def test_a_storm_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """A typing mistake is told."""
    (tmp_path / "engines.py").write_text(ENGINES)
    orders: list[dict[str, object]] = [{}, {"seconds": 0}, {"seconds": 1, "faults": "x=1"}, {"seconds": 1, "what": 1}]
    with _serving("--engines", str(tmp_path / "engines.py"), "--storms") as (base_url, _):
        for order in orders:
            with pytest.raises(urllib.error.HTTPError) as caught:
                _begin(base_url, **order)
            assert caught.value.code == 400
            caught.value.close()


def test_nobody_begins_storms_unless_it_was_allowed(tmp_path: Path) -> None:
    """The servers that `cheapfirst run` starts have no such address."""
    (tmp_path / "engines.py").write_text(ENGINES)
    with _serving("--engines", str(tmp_path / "engines.py")) as (base_url, _):
        with pytest.raises(urllib.error.HTTPError) as caught:
            _begin(base_url, seconds=1)
        assert caught.value.code == 404
        caught.value.close()


@pytest.mark.parametrize("text", ["429", "429=x", "nothing=0.1", "429=0.7,500=0.7", "500=-1"])
def test_shares_that_make_no_sense_are_refused(text: str) -> None:
    """A typing mistake is told."""
    with pytest.raises(UsageError):
        FaultPlan(parse_shares(text))
