"""Reading the bodies of many answers at once in little memory."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LARGE_FROM_BYTES = 128 * 1024
"""Answers of chat models stay below, but for those with logprobs of thousands of tokens."""
LARGE_AT_ONCE = 2
"""Hundreds of calls are in flight: a provider that answers all of them with megabytes must not fill the memory."""
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_DECODED_AT_ONCE = 64 * 1024


class BodyReader:
    """Reads bodies up to a cap. Large ones are read a few at a time; the others wait, unread, within their deadline."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(self, parts: AsyncIterator[bytes]) -> bytes:
        """Return the parts as one. Raises ProviderTroubleError past the cap."""
        body = bytearray()
        try:
            async for part in parts:
                body += part
                if len(body) > LARGE_FROM_BYTES:
                    async with self._large:
                        await self._read_large(body, parts)
            return bytes(body)
        finally:
            body.clear()  # the traceback of an error would keep it for a while

    async def _read_large(self, body: bytearray, parts: AsyncIterator[bytes]) -> None:
        self._require_within_cap(body)
        async for part in parts:
            body += part
            self._require_within_cap(body)

    def _require_within_cap(self, body: bytearray) -> None:
        if len(body) > self._max_body_bytes:
            raise ProviderTroubleError(f"The answer is larger than {self._max_body_bytes} bytes.", Trouble.BAD_BODY)


async def ungzipped(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the decoded parts of a gzip stream, none of them large, however small what it was made of.

    Raises zlib.error for what is no gzip, ProviderTroubleError where it is cut off.
    """
    gzip = None
    async for part in parts:
        waiting = part
        while waiting:
            if gzip is None or gzip.eof:  # several members in a row are one body (RFC 1952, section 2.2)
                gzip = zlib.decompressobj(_GZIP_WINDOW)
            yield gzip.decompress(waiting, _DECODED_AT_ONCE)
            waiting = gzip.unused_data or gzip.unconsumed_tail
    if gzip is not None and not gzip.eof:
        raise ProviderTroubleError("The answer is cut off.", Trouble.BAD_BODY)
