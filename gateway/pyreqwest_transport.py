"""The transport on pyreqwest alone, without httpx's objects between (docs/decisions/http-transport.md)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import BuilderError, DecodeError, PyreqwestError, RequestTimeoutError

from gateway.transport import MAX_BODY_BYTES, HttpAnswer, unwritable
from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT_S = 10.0


class PyreqwestTransport:
    """Sends through a `pyreqwest` client."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        self._client = (
            ClientBuilder()
            .follow_redirects(enable=False)
            .referer(enable=False)
            .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT_S))
            .build()
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HttpAnswer:
        """Send one request and return its answer, as the port says."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(url, headers, body)
        except (TimeoutError, RequestTimeoutError):
            raise ProviderTroubleError(f"No answer within {timeout_s:g} s.", Trouble.TIMEOUT) from None
        except (ValueError, BuilderError):  # its message quotes the header
            raise unwritable() from None
        except DecodeError:
            raise ProviderTroubleError("The answer cannot be decoded.", Trouble.BAD_BODY) from None
        except (PyreqwestError, OSError) as error:
            raise ProviderTroubleError(f"No answer ({type(error).__name__}).", Trouble.UNREACHABLE) from None

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        request = self._client.post(url).headers(dict(headers)).body_bytes(body).build_streamed()
        async with request as response:
            parts = bytearray()
            reader = response.body_reader
            while (part := await reader.read_chunk()) is not None:
                parts += part
                if len(parts) > self._max_body_bytes:
                    raise ProviderTroubleError(
                        f"The answer is larger than {self._max_body_bytes} bytes.", Trouble.BAD_BODY
                    )
            return HttpAnswer(
                response.status, {key.lower(): value for key, value in response.headers.items()}, bytes(parts)
            )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()
