"""Providers that hang, drip, stall and half-close, over real connections: the deadline of a call with all its tries."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.asking import DEADLINE_FACTOR
from gateway.breaker import LONGEST_REST_S
from gateway.gateway import MAX_TRIES, Gateway
from gateway.httpx_transport import HttpxTransport
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.retry_after import LONGEST_S
from gateway.transport import Transport
from routing.completion import Completion
from routing.errors import ProviderTroubleError, Trouble
from tests.support.raw_http import Behaviour, answer, dripping, hang, raw_server
from tests.support.scripted_gateway import ANSWER, OK, PROMPT, a_spec

pytestmark = pytest.mark.parametrize("make", [PyreqwestTransport, HttpxTransport])
Make = Callable[[], Transport]
Outcome = tuple[Completion | ProviderTroubleError, float]
TIMEOUT_S = 0.5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
IN_TIME = {Trouble.TIMEOUT}
AT_ONCE = {Trouble.UNREACHABLE, Trouble.BAD_BODY}


def _half_closed(sent: bytes) -> Behaviour:
    """Return a behaviour that sends this, and no more, but keeps the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.write_eof()
        await hang(writer)

    return behave


def _dripping_head(interval_s: float) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        for byte in HEAD * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(interval_s)

    return behave


KINDS: dict[str, tuple[Behaviour, set[Trouble]]] = {
    "no answer": (hang, IN_TIME),
    "a head that drips": (_dripping_head(0.1), IN_TIME),
    "a body that drips": (dripping(0.1), IN_TIME),
    "a body of a byte in its whole time": (dripping(2 * TIMEOUT_S), IN_TIME),
    "a stalled body": (answer(b'{"choices": [', length=1000), IN_TIME),
    "half-closed before the answer": (_half_closed(b""), AT_ONCE),
    "half-closed in the head": (_half_closed(HEAD[:20]), AT_ONCE),
    "half-closed in the body": (_half_closed(HEAD + b'{"choices": ['), AT_ONCE),
}


@contextmanager
def _nobody_accepts() -> Iterator[str]:
    """Listen, and never take a connection: with its backlog full, the next one is not even refused."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/v1"


async def _outcomes(make: Make, urls: dict[str, str], timeout_s: float) -> dict[str, Outcome]:
    """Ask each server once, all at the same time, as models of one gateway; tell how long each call took."""
    models = {name: a_spec(name, base_url=url, timeout_s=timeout_s) for name, url in urls.items()}
    gateway = Gateway(models, {}, make(), jitter=lambda: 0.0)

    async def ask(model: str) -> Outcome:
        began = time.monotonic()
        try:
            told: Completion | ProviderTroubleError = await gateway.complete(model, PROMPT, max_output_tokens=50)
        except ProviderTroubleError as error:
            told = error
            assert 0 <= gateway.unavailable_for_s(model) <= LONGEST_REST_S
        return told, time.monotonic() - began

    try:
        return dict(zip(models, await asyncio.gather(*map(ask, models)), strict=True))
    finally:
        await gateway.aclose()


def test_a_call_with_all_its_tries_ends_at_its_deadline(make: Make) -> None:
    """Whatever hangs, drips, stalls or is half-closed is a typed trouble, within a second of twice the timeout."""
    with ExitStack() as servers:
        urls = {name: servers.enter_context(raw_server(behave)).url for name, (behave, _) in KINDS.items()}
        urls = {name: url.removesuffix("/chat/completions") for name, url in urls.items()}
        urls["nobody accepts"] = servers.enter_context(_nobody_accepts())
        outcomes = asyncio.run(_outcomes(make, urls, TIMEOUT_S))
    expected = {name: troubles for name, (_, troubles) in KINDS.items()} | {"nobody accepts": IN_TIME}
    for name, (told, took_s) in outcomes.items():
        assert isinstance(told, ProviderTroubleError), name
        assert told.trouble in expected[name], name
        assert 2 <= told.http_calls <= MAX_TRIES, name
        assert took_s <= DEADLINE_FACTOR * TIMEOUT_S + 1, name


def _then_answered(retry_after: str) -> Behaviour:
    first = iter([answer(b"{}", f"Retry-After: {retry_after}", status="429 Too Many Requests")])

    async def behave(writer: asyncio.StreamWriter) -> None:
        await next(first, answer(OK))(writer)

    return behave


def test_retry_after_is_obeyed_or_capped_over_http(make: Make) -> None:
    """Seconds and dates are waited for; nonsense asks for nothing; ten years are left to the queue, as 20 s."""
    moment = datetime.now(UTC)
    waits = {
        "seconds": ("1", 1.0),
        "a date": (format_datetime(moment + timedelta(seconds=3), usegmt=True), 1.0),
        "a date in the past": (format_datetime(moment - timedelta(days=400), usegmt=True), 0.0),
        "negative": ("-7", 0.0),
        "a word": ("soon", 0.0),
        "empty": ("", 0.0),
        "not a number": ("nan", 0.0),
    }
    absurd = {
        "ten years": "315360000",
        "beyond any number": "9" * 400,
        "a date of ten years": format_datetime(moment + timedelta(days=3650), usegmt=True),
    }
    with ExitStack() as servers:
        headers = {name: retry_after for name, (retry_after, _) in waits.items()} | absurd
        urls = {
            name: servers.enter_context(raw_server(_then_answered(header))).url.removesuffix("/chat/completions")
            for name, header in headers.items()
        }
        outcomes = asyncio.run(_outcomes(make, urls, timeout_s=10.0))
    for name, (_, least_s) in waits.items():
        told, took_s = outcomes[name]
        assert isinstance(told, Completion), name
        assert (told.text, told.http_calls) == (ANSWER, 2), name
        assert took_s >= least_s, name
    for name in absurd:
        told, _ = outcomes[name]
        assert isinstance(told, ProviderTroubleError), name
        assert (told.trouble, told.retry_after_s, told.http_calls) == (Trouble.RATE_LIMITED, LONGEST_S, 1), name


def test_a_connection_half_closed_while_it_idles_loses_no_call(make: Make) -> None:
    """What the provider ended between two calls is not taken for trouble of the second: it is answered all the same."""
    ended: list[asyncio.StreamWriter] = []

    async def behave(writer: asyncio.StreamWriter) -> None:
        if writer in ended:
            raise ConnectionResetError
        await answer(OK)(writer)
        writer.write_eof()
        ended.append(writer)

    async def texts(url: str) -> list[str]:
        gateway = Gateway({"small": a_spec(base_url=url)}, {}, make(), jitter=lambda: 0.0)
        try:
            return [(await gateway.complete("small", PROMPT, max_output_tokens=50)).text for _ in range(5)]
        finally:
            await gateway.aclose()

    with raw_server(behave) as server:
        assert asyncio.run(texts(server.url.removesuffix("/chat/completions"))) == [ANSWER] * 5
