"""What is answered where a fault is played: an error in order, or bytes that are no answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from evaluation.model_server import wire
from evaluation.model_server.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
RETRY_AFTER = "1"
DRIP_S = 1.0
_LOOK_S = 0.1
_HALF = b'{"choices": [{"message": {"content": "{'
_PROMISED_BYTES = 100_000


async def faulty(request: web.Request, fault: Fault, retry_after: str) -> web.StreamResponse:
    """Answer a request with a fault; `retry_after` goes with a 429."""
    match fault:
        case Fault.TIMEOUT:
            await _until_gone(request)
            return error_answer(504, "gateway timeout", "timeout")
        case Fault.DRIP:
            return await _dripping(request)
        case Fault.STALLED | Fault.HALF_CLOSED:
            return await _half(request, closed=fault is Fault.HALF_CLOSED)
        case _:
            return _at_once(fault, retry_after)


def _at_once(fault: Fault, retry_after: str) -> web.Response:
    match fault:
        case Fault.RATE_LIMITED:
            return error_answer(429, "too many requests", "rate_limit_exceeded", {"Retry-After": retry_after})
        case Fault.SERVER_ERROR:
            return error_answer(500, "the server had an error", "server_error")
        case Fault.UNAVAILABLE:
            return error_answer(503, "the server is overloaded", "overloaded_error")
        case Fault.GARBAGE:
            return web.Response(text="<html><body>Welcome to the proxy</body></html>", content_type="text/html")
        case _:
            return web.Response(body=_HALF, content_type=JSON)


def error_answer(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error in the form both providers' clients understand."""
    return web.Response(body=wire.error_body(message, code), status=status, content_type=JSON, headers=headers)


def is_gone(request: web.Request) -> bool:
    """Tell whether a request's connection has ended."""
    return request.transport is None or request.transport.is_closing()


async def _begun(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(_PROMISED_BYTES)})
    await response.prepare(request)
    return response


async def _dripping(request: web.Request) -> web.StreamResponse:
    response = await _begun(request)
    with suppress(ConnectionError):
        while not is_gone(request):
            await response.write(b"x")
            await asyncio.sleep(DRIP_S)
    return response


async def _half(request: web.Request, *, closed: bool) -> web.StreamResponse:
    response = await _begun(request)
    with suppress(ConnectionError):
        await response.write(_HALF)
        if closed and isinstance(request.transport, asyncio.WriteTransport):
            request.transport.write_eof()
    await _until_gone(request)
    return response


async def _until_gone(request: web.Request) -> None:
    while not is_gone(request):  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(_LOOK_S)
