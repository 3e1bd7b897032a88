"""The transport on httpx: slower, and independent of pyreqwest (docs/decisions/http-transport.md)."""

from __future__ import annotations

import asyncio
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from gateway.body_reader import BodyReader, stated_length, ungzipped
from gateway.transport import MAX_BODY_BYTES, HttpAnswer, stays_here, unwritable
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_ENCODING = {"accept-encoding": "gzip"}


class HttpxTransport:
    """Sends through an `httpx.AsyncClient`, and through one without proxies to servers of this machine."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._bodies = BodyReader(max_body_bytes)
        self._client = _client({})
        self._direct_client = _client({"http://": None, "https://": None, "all://": None})

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HttpAnswer:
        """Send one request and return its answer, as the port says."""
        try:
            deadline = asyncio.get_running_loop().time() + timeout_s
            async with asyncio.timeout_at(deadline):
                return await self._exchange(url, headers, body, deadline)
        except TimeoutError:
            raise ProviderTroubleError(f"No answer within {timeout_s:g} s.", Trouble.TIMEOUT) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError):
            raise unwritable() from None  # some of them quote the header
        except zlib.error:
            raise ProviderTroubleError("The answer cannot be decoded.", Trouble.BAD_BODY) from None
        except (httpx.HTTPError, OSError) as error:
            raise ProviderTroubleError(f"No answer ({type(error).__name__}).", Trouble.UNREACHABLE) from None

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, deadline: float) -> HttpAnswer:
        client = self._direct_client if stays_here(url) else self._client
        async with client.stream("POST", url, headers={**headers, **_ENCODING}, content=body) as response:
            parts = _decoded(response.aiter_raw(), response.headers.get("content-encoding", "identity").lower())
            length = stated_length(response.headers, names=response.headers)
            body = await self._bodies.read(parts, length, deadline)
            return HttpAnswer(response.status_code, response.headers, body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._direct_client.aclose()


def _decoded(parts: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Return the decoded parts. httpx's own decoder makes 64 MB of 64 KB before anybody can count them."""
    match encoding:
        case "identity":
            return parts
        case "gzip":
            return ungzipped(parts)
        case _:
            raise ProviderTroubleError("The answer cannot be decoded.", Trouble.BAD_BODY)


def _client(mounts: Mapping[str, None]) -> httpx.AsyncClient:
    # The deadline is ours: httpx counts each read by itself, so that a dripping body never times out.
    # No connection is used twice: httpx takes bytes that follow one answer for the answer to the next call.
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        timeout=None,  # noqa: S113
        follow_redirects=False,
        limits=unlimited,
        mounts=mounts,
        cookies=no_cookies,
    )
