"""Every transport: one bounded answer, or one typed trouble, whatever the other side does."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.body_reader import LARGE_AT_ONCE, UNSIZED_AT_ONCE
from gateway.httpx_transport import HttpxTransport
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.transport import NEVER_SENT, HttpAnswer, Transport
from routing.errors import CallRefusedError, ProviderTroubleError, Trouble
from tests.support.raw_http import Behaviour, answer, chunked, dripping, hang, raw_server, then_hang_up
from tests.support.services import missing

pytestmark = pytest.mark.parametrize("make", [PyreqwestTransport, HttpxTransport])
Make = Callable[..., Transport]
CAP = 200_000


def _post(make: Make, url: str, timeout_s: float = 5.0, key: str = "Bearer secret") -> HttpAnswer:
    async def post() -> HttpAnswer:
        transport = make(max_body_bytes=CAP)
        try:
            return await transport.post(url, {"authorization": key, "x-test": "1"}, b"{}", timeout_s)
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


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(range(256)))[:100],
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"x-a: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 20_000,
        b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n",
        b"<html>no status line</html>",
        b"\x00\x01\x02\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_breaks_off_or_is_no_http_is_trouble(make: Make, sent: bytes) -> None:
    """What came is never taken for the whole, and every form of nonsense is one of two troubles."""
    assert _trouble(make, then_hang_up(sent)) in {Trouble.BAD_BODY, Trouble.UNREACHABLE}


def test_a_body_that_ends_with_its_connection_is_whole(make: Make) -> None:
    """Without a length, the end of the connection is the end of the body."""
    with raw_server(then_hang_up(b"HTTP/1.1 200 OK\r\n\r\n{}")) as server:
        assert _post(make, server.url).body == b"{}"


def test_a_header_beyond_ascii_does_not_hide_the_others(make: Make) -> None:
    """An odd header of a proxy is no reason to lose the answer."""
    with raw_server(answer(b"{}", "X-Note: caf\N{LATIN SMALL LETTER E WITH ACUTE}", "Retry-After: 7")) as server:
        got = _post(make, server.url)
    assert (got.status, got.body, got.headers["retry-after"]) == (200, b"{}", "7")
    assert got.headers.get("x-none") is None
    assert {"retry-after", "content-length"} <= set(got.headers)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1/secret", "secret", "http://"])
def test_an_address_that_is_none_is_refused(make: Make, url: str) -> None:
    """It can never be called, and the error does not quote it."""
    with pytest.raises(CallRefusedError) as caught:
        _post(make, url)
    assert caught.value.status == NEVER_SENT
    assert "secret" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused(make: Make) -> None:
    """It can never be sent, and the error does not quote it."""
    with raw_server(answer(b"{}")) as server:
        with pytest.raises(CallRefusedError) as caught:
            _post(make, server.url, key="sec\nret")
        assert server.requests == []
    assert caught.value.status == NEVER_SENT
    assert "ret" not in str(caught.value)


def test_nothing_is_kept_between_calls(make: Make) -> None:
    """A cookie of one answer is not sent with the next call."""

    async def twice(url: str) -> None:
        transport = make()
        try:
            for _ in range(2):
                await transport.post(url, {}, b"{}", 5.0)
        finally:
            await transport.aclose()

    with raw_server(answer(b"{}", "Set-Cookie: session=1; Path=/")) as server:
        asyncio.run(twice(server.url))
        assert len(server.requests) == 2
        assert "cookie" not in server.requests[1].lower()


def test_a_call_given_up_does_not_spoil_the_next(make: Make) -> None:
    """Half an answer left on a connection is not read as the answer to another call."""
    first = iter([dripping(0.02)])

    async def behave(writer: asyncio.StreamWriter) -> None:
        await next(first, answer(b"whole"))(writer)

    async def twice(url: str) -> bytes:
        transport = make()
        try:
            with pytest.raises(ProviderTroubleError):
                await transport.post(url, {}, b"{}", 0.3)
            return (await transport.post(url, {}, b"{}", 5.0)).body
        finally:
            await transport.aclose()

    with raw_server(behave) as server:
        assert asyncio.run(twice(server.url)) == b"whole"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_of_the_environment_is_used(make: Make, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to the world go through it."""
    with raw_server(answer(b'"by proxy"')) as proxy:
        monkeypatch.setenv(variable, proxy.url.removesuffix("/v1/chat/completions"))
        assert _post(make, "http://provider.invalid/v1").body == b'"by proxy"'
        assert proxy.requests[0].startswith("POST http://provider.invalid/v1 ")


def test_a_proxy_is_not_asked_for_this_machine(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model server beside us is reached whatever the environment says about the world."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with raw_server(answer(b"{}")) as server:
        assert _post(make, server.url).body == b"{}"
    with pytest.raises(ProviderTroubleError):
        _post(make, "http://provider.invalid/v1")


@pytest.mark.parametrize("behave", [answer(b"x" * (CAP + 1)), chunked(b"x" * (CAP + 1))])
def test_a_body_over_the_cap_is_refused(make: Make, behave: Behaviour) -> None:
    """Nothing larger than the cap is kept, whether it tells its length or not."""
    assert _trouble(make, behave) is Trouble.BAD_BODY


def test_a_body_that_says_it_is_too_large_is_not_waited_for(make: Make) -> None:
    """It is refused by its length: here the rest of it never comes."""
    assert _trouble(make, answer(b"x" * 10_000, length=CAP + 1)) is Trouble.BAD_BODY


def test_a_length_beside_chunks_is_not_believed(make: Make) -> None:
    """What decides is what comes."""
    assert _trouble(make, chunked(b"x" * (CAP + 1), "Content-Length: 7")) is Trouble.BAD_BODY


@pytest.mark.parametrize("encoding", [b"Transfer-Encoding: \xe9", b"Content-Encoding: \xe9", b"Transfer-Encoding: x"])
def test_a_length_beside_an_encoding_that_nobody_knows_is_not_believed(make: Make, encoding: bytes) -> None:
    """A client may read on to the connection's end whatever the length says: no further than the cap."""
    head = b"HTTP/1.1 200 OK\r\n" + encoding + b"\r\nContent-Length: 7\r\n\r\n"
    with raw_server(then_hang_up(head + b"x" * (CAP + 100_000))) as server, suppress(ProviderTroubleError):
        assert len(_post(make, server.url).body) <= CAP


_STALLED = pytest.mark.parametrize(
    ("stalled", "seats"),
    [
        pytest.param(chunked(b"x" * 20_000, ends=False), UNSIZED_AT_ONCE, id="of unknown length"),
        pytest.param(answer(b"x" * 10_000, length=CAP), LARGE_AT_ONCE, id="large"),
    ],
)


@_STALLED
def test_bodies_that_stall_hold_up_no_answer_of_usual_size(make: Make, stalled: Behaviour, seats: int) -> None:
    """However many of them hang: an answer that tells that it is small is read beside them."""

    async def ask_beside(stalled_url: str, url: str) -> bytes:
        transport = make(max_body_bytes=CAP)
        calls = [asyncio.ensure_future(transport.post(stalled_url, {}, b"{}", 600.0)) for _ in range(seats + 2)]
        while len(server.requests) < len(calls):  # noqa: ASYNC110 - the server has a loop of its own
            await asyncio.sleep(0.01)
        small = await transport.post(url, {}, b"{}", 60.0)
        for call in calls:
            call.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True)
        )
        await transport.aclose()
        return small.body

    with raw_server(stalled) as server, raw_server(answer(b"x" * 20_000)) as other:
        assert asyncio.run(ask_beside(server.url, other.url)) == b"x" * 20_000


@_STALLED
def test_a_body_that_waits_for_its_turn_ends_at_its_deadline(make: Make, stalled: Behaviour, seats: int) -> None:
    """Those that have the turn never give it up."""

    async def ask_all(url: str) -> list[HttpAnswer | BaseException]:
        transport = make(max_body_bytes=CAP)
        try:
            calls = [transport.post(url, {}, b"{}", 1.0) for _ in range(seats + 2)]
            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await transport.aclose()

    with raw_server(stalled) as server:
        ends = asyncio.run(ask_all(server.url))
    assert [getattr(end, "trouble", end) for end in ends] == [Trouble.TIMEOUT] * (seats + 2)


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_bomb_stops_at_the_cap(make: Make, encoding: str, compress: Callable[[bytes, int], bytes]) -> None:
    """The cap counts decoded bytes, so that a small body cannot become a large one."""
    bomb = compress(b"\0" * 200_000_000, 9)
    assert len(bomb) < CAP
    began = time.monotonic()
    assert _trouble(make, answer(bomb, f"Content-Encoding: {encoding}")) is Trouble.BAD_BODY
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
