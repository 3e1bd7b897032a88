"""Reading the bodies of many answers at once in little memory."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from routing.errors import ProviderTroubleError, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Mapping

FIRST_BYTES = 6 * 1024
"""What is read of any body. Most answers end before; what a client reads ahead grows with what was taken from it."""
LARGE_FROM_BYTES = 128 * 1024
"""Answers of chat models stay below, but for those with logprobs of thousands of tokens."""
UNSIZED_AT_ONCE = 16
"""How many bodies that do not tell their length are read beyond their first bytes at once."""
LARGE_AT_ONCE = 2
"""Hundreds of calls are in flight: a provider that answers all of them with megabytes must not fill the memory."""
_LONGEST_LENGTH = 20
"""In digits. Nobody sends more, and Python refuses to read a number of thousands of digits."""
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_DECODED_AT_ONCE = 16 * 1024


class BodyReader:
    """Reads bodies up to a cap. Large ones are read a few at a time; the others wait, unread, within their deadline.

    A body that tells its length is known at once for what it is. One that does not is trusted step by step.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._unsized = asyncio.Semaphore(UNSIZED_AT_ONCE)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    def takes_whole(self, length: int | None) -> bool:
        """Tell whether a body of this length may be read in one piece, without waiting for a turn."""
        return length is not None and length <= min(LARGE_FROM_BYTES, self._max_body_bytes)

    async def read(self, parts: AsyncIterator[bytes], length: int | None, deadline: float) -> bytes:
        """Return the parts of a body of this many bytes, None where nobody said, as one.

        Its turn is waited for until `deadline`, by the event loop's clock. Raises TimeoutError then, and
        ProviderTroubleError past the cap, before anything is read where the length alone is.
        """
        body = bytearray()
        try:
            if length is None:
                await self._read_unsized(body, parts, deadline)
            else:
                await self._read_sized(body, parts, length, deadline)
            return bytes(body)
        finally:
            body.clear()  # the traceback of an error would keep it for a while

    async def _read_sized(self, body: bytearray, parts: AsyncIterator[bytes], length: int, deadline: float) -> None:
        if length > self._max_body_bytes:
            raise self._too_large()
        if length > LARGE_FROM_BYTES:
            await self._read_large(body, parts, deadline)
        else:
            await self._read_to_the_end(body, parts)

    async def _read_unsized(self, body: bytearray, parts: AsyncIterator[bytes], deadline: float) -> None:
        if await _grows_beyond(FIRST_BYTES, body, parts):
            async with asyncio.timeout_at(deadline), self._unsized:
                if await _grows_beyond(LARGE_FROM_BYTES, body, parts):
                    await self._read_large(body, parts, deadline)

    async def _read_large(self, body: bytearray, parts: AsyncIterator[bytes], deadline: float) -> None:
        async with asyncio.timeout_at(deadline), self._large:
            await self._read_to_the_end(body, parts)

    async def _read_to_the_end(self, body: bytearray, parts: AsyncIterator[bytes]) -> None:
        if await _grows_beyond(self._max_body_bytes, body, parts):
            raise self._too_large()

    def _too_large(self) -> ProviderTroubleError:
        return ProviderTroubleError(f"The answer is larger than {self._max_body_bytes} bytes.", Trouble.BAD_BODY)


async def _grows_beyond(limit_bytes: int, body: bytearray, parts: AsyncIterator[bytes]) -> bool:
    """Read on until a body is larger than this, False where it ends before."""
    while len(body) <= limit_bytes:
        part = await anext(parts, None)
        if part is None:
            return False
        body += part
    return True


def stated_length(headers: Mapping[str, str], names: Container[str]) -> int | None:
    """Return how long a body will be by its headers, whose names are in lower case; None where they do not tell.

    `names` has all of theirs, also of those whose value cannot be read. The length of an encoded body says nothing
    about the decoded one, and where a body is chunked, or encoded in a way nobody knows, it is not even that.
    """
    if "content-encoding" in names or "transfer-encoding" in names:
        return None
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < _LONGEST_LENGTH else None


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
