"""The transport on httpx: slower, and independent of pyreqwest (docs/decisions/http-transport.md)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from gateway.transport import MAX_BODY_BYTES, HttpAnswer
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping


class HttpxTransport:
    """Sends through an `httpx.AsyncClient`, proxies and certificate files of the environment included."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        # The deadline is ours: httpx counts each read by itself, so that a dripping body never times out.
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False, limits=unlimited)  # noqa: S113

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HttpAnswer:
        """Send one request and return its answer, as the port says."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(url, headers, body)
        except TimeoutError:
            raise ProviderTroubleError(f"No answer within {timeout_s:g} s.", Trouble.TIMEOUT) from None
        except httpx.TimeoutException:
            raise ProviderTroubleError("The connection timed out.", Trouble.TIMEOUT) from None
        except httpx.DecodingError:
            raise ProviderTroubleError("The answer cannot be decoded.", Trouble.BAD_BODY) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise ProviderTroubleError(f"No answer ({type(error).__name__}).", Trouble.UNREACHABLE) from None

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        async with self._client.stream("POST", url, headers=headers, content=body) as response:
            parts = bytearray()
            async for part in response.aiter_bytes():
                parts += part
                if len(parts) > self._max_body_bytes:
                    raise ProviderTroubleError(
                        f"The answer is larger than {self._max_body_bytes} bytes.", Trouble.BAD_BODY
                    )
            return HttpAnswer(response.status_code, response.headers, bytes(parts))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
