"""Every transport: one bounded answer, or one typed trouble, whatever the other side does."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.httpx_transport import HttpxTransport
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.transport import HttpAnswer, Transport
from routing.errors import ProviderTroubleError, Trouble
from tests.support.raw_http import Behaviour, answer, dripping, hang, hang_up, raw_server
from tests.support.services import missing

pytestmark = pytest.mark.parametrize("make", [PyreqwestTransport, HttpxTransport])
Make = Callable[..., Transport]
CAP = 200_000


def _post(make: Make, url: str, timeout_s: float = 5.0, cap: int = CAP) -> HttpAnswer:
    async def post() -> HttpAnswer:
        transport = make(max_body_bytes=cap)
        try:
            return await transport.post(url, {"authorization": "Bearer secret", "x-test": "1"}, b"{}", timeout_s)
        finally:
            await transport.aclose()

    return asyncio.run(post())


def _trouble(make: Make, behave: Behaviour, timeout_s: float = 5.0) -> Trouble:
    with raw_server(behave) as server, pytest.raises(ProviderTroubleError) as caught:
        _post(make, server.url, timeout_s)
    assert "secret" not in str(caught.value)
    return caught.value.trouble


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "429 Too Many Requests", "500 Oops"])
def test_an_answer_comes_back_whatever_its_status(make: Make, status: str) -> None:
    """Status, headers in lower case and the whole body are told."""
    with raw_server(answer(b'{"a": 1}', "Retry-After: 7", status=status)) as server:
        got = _post(make, server.url)
        assert (got.status, got.body, got.headers["retry-after"]) == (int(status[:3]), b'{"a": 1}', "7")
        assert "bearer secret" in server.requests[0].lower()


def test_a_compressed_answer_is_decoded(make: Make) -> None:
    """Readers see the text, not the encoding."""
    with raw_server(answer(gzip.compress(b"hello " * 100), "Content-Encoding: gzip")) as server:
        assert _post(make, server.url).body == b"hello " * 100


@pytest.mark.parametrize("behave", [hang, dripping(0.05)])
def test_the_deadline_covers_everything(make: Make, behave: Behaviour) -> None:
    """Neither silence nor a body that drips for ever outlasts it."""
    began = time.monotonic()
    assert _trouble(make, behave, timeout_s=0.4) is Trouble.TIMEOUT
    assert time.monotonic() - began < 1.4


def test_a_stalled_body_ends_at_the_deadline(make: Make) -> None:
    """A body that never comes to the length it promised is no answer."""
    assert _trouble(make, answer(b"half", length=100), timeout_s=0.4) is Trouble.TIMEOUT


def test_a_connection_that_is_closed_is_trouble(make: Make) -> None:
    """No answer is not an empty answer."""
    assert _trouble(make, hang_up) is Trouble.UNREACHABLE


def test_a_body_over_the_cap_is_refused(make: Make) -> None:
    """Nothing larger than the cap is kept."""
    assert _trouble(make, answer(b"x" * (CAP + 1))) is Trouble.BAD_BODY


def test_a_compressed_bomb_stops_at_the_cap(make: Make) -> None:
    """The cap counts decoded bytes, so that a small body cannot become a large one."""
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    assert len(bomb) < CAP
    began = time.monotonic()
    assert _trouble(make, answer(bomb, "Content-Encoding: gzip")) is Trouble.BAD_BODY
    assert time.monotonic() - began < 3


def test_a_body_that_is_not_what_its_encoding_says_is_trouble(make: Make) -> None:
    """What cannot be decoded is no answer."""
    broken = answer(b"this is not gzip", "Content-Encoding: gzip")
    assert _trouble(make, broken) in {Trouble.BAD_BODY, Trouble.UNREACHABLE}


def test_a_redirect_is_not_followed(make: Make) -> None:
    """No key is carried to another host."""
    with raw_server(answer(b"{}")) as other:
        moved = answer(b"", f"Location: {other.url}", status="307 Temporary Redirect")
        with raw_server(moved) as server:
            assert _post(make, server.url).status == 307
        assert other.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://no-such-host.invalid/v1"])
def test_nobody_there_is_trouble(make: Make, url: str) -> None:
    """Refused connections and unknown hosts are told alike."""
    with pytest.raises(ProviderTroubleError) as caught:
        _post(make, url)
    assert caught.value.trouble is Trouble.UNREACHABLE


def test_an_unknown_certificate_is_refused(make: Make, tmp_path: Path) -> None:
    """A server that nobody vouches for gets no key."""
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with raw_server(answer(b"{}"), tls) as server:
        with pytest.raises(ProviderTroubleError) as caught:
            _post(make, server.url)
        assert caught.value.trouble is Trouble.UNREACHABLE
        assert server.requests == []
